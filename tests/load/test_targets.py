# SPDX-License-Identifier: GPL-3.0-or-later
"""Where load may go, and whether anybody is there."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from agent.core.errors import AgentError
from agent.load.targets import Target, Transport, answering, permitted
from tests.calls.harness.ports import free_port


@pytest.mark.parametrize("text", ["127.0.0.1:5070", "127.8.9.1", "[::1]:5060", "localhost:5060"])
async def test_this_machine_may_be_loaded(text: str) -> None:
    target = await permitted(text, "udp", ())
    assert target.address in ("127.0.0.1", "127.8.9.1", "::1")
    assert target.port in (5060, 5070)


@pytest.mark.parametrize("text", ["192.0.2.1:5060", "[2001:db8::1]:5060", "8.8.8.8"])
async def test_another_machine_may_not(text: str) -> None:
    with pytest.raises(AgentError, match="is not this machine: load goes to loopback only, or with --i-own"):
        await permitted(text, "udp", ())


async def test_a_host_that_the_user_owns_may() -> None:
    assert (await permitted("192.0.2.1:5060", "udp", {"192.0.2.1"})).address == "192.0.2.1"
    with pytest.raises(AgentError, match=r"192\.0\.2\.2 is not this machine"):
        await permitted("192.0.2.2:5060", "udp", {"192.0.2.1"})


def _resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    async def getaddrinfo(self: object, host: str, port: int, **_: object) -> list[Any]:
        del self, host
        kind = socket.SOCK_DGRAM
        return [(socket.AF_INET, kind, 17, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "getaddrinfo", getaddrinfo)


async def test_a_name_is_held_to_what_it_resolves_to(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolving(monkeypatch, "127.0.0.1", "192.0.2.7")
    with pytest.raises(AgentError, match=r"edge\.example \(192\.0\.2\.7\) is not this machine"):
        await permitted("edge.example:5060", "udp", ())


async def test_what_a_name_resolved_to_is_what_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolving(monkeypatch, "192.0.2.7")
    by_name = await permitted("Edge.Example:5060", "udp", {"edge.example"})
    by_address = await permitted("edge.example:5060", "udp", {"192.0.2.7"})
    assert (by_name.address, by_address.address) == ("192.0.2.7", "192.0.2.7")
    assert str(by_address) == "edge.example (192.0.2.7:5060)"


@pytest.mark.parametrize("text", ["0.0.0.0:5060", "224.0.0.1:5060", "255.255.255.255:5060"])
async def test_what_is_no_host_is_refused_though_it_is_owned(text: str) -> None:
    with pytest.raises(AgentError, match="is no host of its own"):
        await permitted(text, "udp", {text.partition(":")[0]})


@pytest.mark.parametrize("text", ["", "sip:127.0.0.1", "127.0.0.1:99999", "::1", "http://127.0.0.1:5060/"])
async def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(AgentError, match=r"^--target "):
        await permitted(text, "udp", ())


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_nobody_there_is_told_in_one_line(transport: Transport) -> None:
    target = Target("127.0.0.1", free_port(), transport, "127.0.0.1")
    with pytest.raises(AgentError, match=r"nothing answers OPTIONS at 127\.0\.0\.1:") as told:
        await answering(target)
    assert "\n" not in str(told.value)


async def test_whoever_answers_options_is_there() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.setblocking(False)  # noqa: FBT003 - the socket's own signature
        loop = asyncio.get_running_loop()
        asked = asyncio.ensure_future(answering(Target("127.0.0.1", peer.getsockname()[1], "udp", "here")))
        data, source = await loop.sock_recvfrom(peer, 4096)
        assert data.startswith(b"OPTIONS sip:127.0.0.1:")
        await loop.sock_sendto(peer, b"SIP/2.0 200 OK\r\nCSeq: 1 OPTIONS\r\n\r\n", source)
        assert await asked == "SIP/2.0 200 OK"
