# SPDX-License-Identifier: GPL-3.0-or-later
"""Free ports, outside of those that the kernel hands out by itself."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from agent.core.errors import AgentError
from agent.core.units import PortRange
from agent.load import ports
from agent.load.ports import Ports, is_free, kernels


def test_the_kernels_ports_are_those_that_it_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    low, high = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert kernels() == PortRange(low, high)
    monkeypatch.setattr(ports, "_SETTING", tmp_path / "none")
    assert kernels() == PortRange(32768, 60999)


@pytest.mark.parametrize("setting", ["32768\t60999", "10000\t60999", "1024\t49151"])
def test_what_is_given_lies_outside_of_them(
    setting: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ports, "_SETTING", tmp_path / "range")
    (tmp_path / "range").write_text(f"{setting}\n")
    taken = kernels()
    given = Ports()
    for _ in range(20):
        assert not taken.low <= given.one() <= taken.high
    for _ in range(5):
        several = given.several(101)
        assert several.count == 102
        assert several.low % 2 == 0
        assert several.high < taken.low or several.low > taken.high


def test_a_load_that_needs_more_than_lie_outside_has_some_of_the_kernels(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ports, "_SETTING", tmp_path / "range")
    (tmp_path / "range").write_text("10200 65400\n")
    given = Ports()
    assert given.several(100).high < 10_200
    assert given.several(400).high >= 10_200


def test_a_machine_whose_kernel_has_all_ports_still_gets_some(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ports, "_SETTING", tmp_path / "range")
    (tmp_path / "range").write_text("1024 65535\n")
    assert 6000 <= Ports().one() < 10_000
    assert Ports().several(100).low >= 10_000


def test_none_is_given_twice_and_too_many_are_refused() -> None:
    given = Ports()
    ranges = [given.several(100) for _ in range(10)]
    assert len({port for one in ranges for port in range(one.low, one.high + 1)}) == 1000
    assert len({given.one() for _ in range(200)}) == 200
    with pytest.raises(AgentError, match="lower --at-once"):
        given.several(60_000)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_port_that_somebody_has_is_not_free(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as held:
        held.bind((address, 0))
        assert not is_free(address, held.getsockname()[1], socket.SOCK_DGRAM)
