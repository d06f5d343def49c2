# SPDX-License-Identifier: GPL-3.0-or-later
"""Names are looked up on threads of their own, so that one that hangs keeps no signal waiting."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agent.web.resolver import ThreadedResolver


@pytest.fixture
async def lookups() -> AsyncIterator[ThreadedResolver]:
    made = ThreadedResolver()
    yield made
    await made.close()


async def test_a_name_becomes_addresses(lookups: ThreadedResolver) -> None:
    found = await lookups.resolve("localhost", 8080, socket.AF_INET)
    assert {(one["host"], one["port"], one["family"]) for one in found} == {
        ("127.0.0.1", 8080, socket.AF_INET)
    }
    assert found[0]["hostname"] == "localhost"


async def test_a_name_without_one_is_an_error(lookups: ThreadedResolver) -> None:
    with pytest.raises(socket.gaierror):
        await lookups.resolve("no-such-host.invalid", 80)


async def test_look_ups_that_hang_leave_the_loop_s_own_threads_alone(
    lookups: ThreadedResolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()
    known = socket.getaddrinfo

    def slow(host: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - the library's
        if host == "slow.example.org":
            let_go.wait()
            host = "127.0.0.1"
        return known(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    hanging = [asyncio.ensure_future(lookups.resolve("slow.example.org", 80)) for _ in range(100)]
    found = await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)  # as a signal's name would be
    assert found
    assert not any(one.done() for one in hanging)
    let_go.set()
    assert all(one[0]["host"] == "127.0.0.1" for one in await asyncio.gather(*hanging))
