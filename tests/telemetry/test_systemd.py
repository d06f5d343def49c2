# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd is told, over the socket that it names."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.telemetry.systemd import notify


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.settimeout(0)
        yield listener


def test_facts_go_out_as_one_datagram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with listening(str(tmp_path / "notify")) as systemd:
        notify(READY="1", STATUS="calls can't be recorded: disk full")
        assert systemd.recv(1000).decode() == "READY=1\nSTATUS=calls can't be recorded: disk full"


def test_an_abstract_socket_is_reached_too(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"handoff-agent-test-{secrets.token_hex(8)}"
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
    with listening(f"\0{name}") as systemd:
        notify(WATCHDOG="1")
        assert systemd.recv(1000) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", [None, ""])
def test_without_systemd_no_socket_is_opened(address: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.setattr(socket, "socket", lambda *_: pytest.fail("a socket was opened"))
    notify(READY="1")


def test_what_a_systemd_that_is_away_misses_is_not_sent_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "notify"
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))
    notify(STATUS="nobody is there yet")
    with listening(str(path)) as systemd:
        notify(STATUS="here")
        assert systemd.recv(1000) == b"STATUS=here"
        with pytest.raises(BlockingIOError):
            systemd.recv(1000)
    notify(STATUS="gone: its socket is left, and nobody listens")


def test_a_systemd_that_does_not_read_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with listening(str(tmp_path / "notify")):
        for _ in range(10_000):  # far more than the socket holds
            notify(WATCHDOG="1")
