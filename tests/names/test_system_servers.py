# SPDX-License-Identifier: GPL-3.0-or-later
"""The system's name servers (resolv.conf) are asked as they are at the time: a change of them is followed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.core.errors import NamesError
from agent.names import cares
from agent.names.names import Names
from tests.harness.mounts import in_place_of
from tests.harness.name_server import NameServer
from tests.harness.network import may_have_own_network

OLD, NEW = "10.0.0.5", "10.0.0.6"


class System:
    """A machine whose /etc/resolv.conf names one of two name servers, and its clock."""

    def __init__(self, file: Path, old: NameServer, new: NameServer) -> None:
        self.file, self.old, self.new = file, old, new
        self.now = 1000.0
        for name in ("first.example", "second.example", "third.example"):
            old.has(name, OLD)
            new.has(name, NEW)

    def asks(self, *servers: NameServer) -> None:
        """Let resolv.conf name these."""
        self.file.write_text("".join(f"nameserver {one.address}\n" for one in servers))

    def run(self, what: Callable[[Names], Coroutine[Any, Any, None]]) -> None:
        """Do something with a resolver on this machine."""

        async def with_names() -> None:
            async with Names() as names:
                await what(names)

        in_place_of(Path("/etc/resolv.conf"), self.file, lambda: asyncio.run(with_names()))


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    if not may_have_own_network():
        pytest.skip("no namespaces here")
    with NameServer() as old, NameServer() as new:
        system = System(tmp_path / "resolv.conf", old, new)
        system.asks(old)
        monkeypatch.setattr(cares, "time", SimpleNamespace(monotonic=lambda: system.now))
        yield system


def test_a_change_is_followed_five_seconds_after_the_last_look_and_takes_no_thread(system: System) -> None:
    async def ask(names: Names) -> None:
        assert await names.addresses("first.example", (4,)) == (OLD,)
        threads = set(threading.enumerate())
        system.asks(system.new)
        system.now += 4.9
        assert await names.addresses("second.example", (4,)) == (OLD,)
        system.now += 0.2
        assert await names.addresses("third.example", (4,)) == (NEW,)
        assert set(threading.enumerate()) == threads, "c-ares called back on a thread of its own"

    system.run(ask)
    assert set(system.old.asked) == {("A", "first.example"), ("A", "second.example")}
    assert set(system.new.asked) == {("A", "third.example")}


def test_who_waits_for_the_old_name_server_is_answered_by_the_new_one(system: System) -> None:
    system.old.silent.add("first.example")

    async def ask(names: Names) -> None:
        waiting = asyncio.ensure_future(names.addresses("first.example", (4,)))
        while not system.old.asked:
            await asyncio.sleep(0)
        system.asks(system.new)
        system.now += 5.1
        assert await names.addresses("second.example", (4,)) == (NEW,)
        assert await waiting == (NEW,)

    system.run(ask)


def test_a_file_that_is_gone_for_a_moment_changes_nothing(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask(names: Names) -> None:
        monkeypatch.setattr(cares, "_RESOLV_CONF", system.file.with_name("not there"))
        system.now += 5.1
        assert await names.addresses("first.example", (4,)) == (OLD,)
        monkeypatch.setattr(cares, "_RESOLV_CONF", system.file)
        system.asks(system.new)
        system.now += 5.1
        assert await names.addresses("second.example", (4,)) == (NEW,)

    system.run(ask)


def test_the_end_while_the_name_servers_change_is_told_to_who_waits(system: System) -> None:
    system.old.silent.add("*")
    system.new.silent.add("*")

    async def ask(names: Names) -> None:
        waiting = asyncio.ensure_future(names._source.addresses("first.example", 4))
        while not system.old.asked:
            await asyncio.sleep(0)
        system.asks(system.new)
        system.now += 5.1
        second = asyncio.ensure_future(names._source.addresses("second.example", 4))
        await asyncio.sleep(0)
        await names.aclose()
        for one in await asyncio.gather(waiting, second, return_exceptions=True):
            assert isinstance(one, NamesError)
            assert "the agent is stopping" in str(one)

    system.run(ask)
