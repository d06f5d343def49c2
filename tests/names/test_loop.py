# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever asks the loop for a name asks our resolver: libraries too, and nobody takes a thread for it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import asyncpg
import pytest

from agent.names.loop import NamesLoop
from agent.names.names import Names
from tests.harness.name_server import NameServer


def run(server: NameServer, what: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def with_names() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, NamesLoop)
        async with Names([server.address]) as names:
            loop.names = names
            await what()
            assert loop._default_executor is None, "a thread was started"  # type: ignore[attr-defined]

    with asyncio.Runner(loop_factory=NamesLoop) as runner:
        runner.run(with_names())


def test_getaddrinfo_gives_what_the_system_s_would(server: NameServer) -> None:
    server.has("bot.example", "10.0.0.5")

    async def ask() -> None:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo("bot.example", 5070, type=socket.SOCK_STREAM, family=socket.AF_INET)
        assert found == [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.5", 5070))]
        with pytest.raises(socket.gaierror, match="there is no such name"):
            await loop.getaddrinfo("nobody.example", 80)

    run(server, ask)


def test_the_database_s_host_name_is_looked_up_without_a_thread(server: NameServer) -> None:
    server.has("db.example", "127.0.0.1")

    async def ask() -> None:
        with pytest.raises(OSError, match="Connect call failed") as failed:  # nobody listens there
            await asyncpg.connect("postgresql://agent@db.example:5999/agent", ssl=False)
        assert "127.0.0.1" in str(failed.value)

    run(server, ask)
    assert server.asked["A", "db.example"]


def test_addresses_and_empty_hosts_are_left_to_asyncio(server: NameServer) -> None:
    async def listen() -> None:
        listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        listener.close()

    run(server, listen)
    assert not server.asked
