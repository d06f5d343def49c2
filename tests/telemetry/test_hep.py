# SPDX-License-Identifier: GPL-3.0-or-later
"""HEP3: packets taken apart by the specification's words, and on their way to a collector."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from agent.core.model.hep import Hep
from agent.telemetry.hep import MOST, packet
from agent.telemetry.homer import Homer
from agent.telemetry.messages import Seen
from agent.telemetry.stories import OfCall, TraceRecord
from tests.calls.harness.waiting import eventually
from tests.harness.hep import chunks
from tests.telemetry.wire import Wire


def seen(
    way: str = "<",
    transport: str = "udp",
    peer: str = "192.0.2.7:5062",
    local: str = "198.51.100.1",
    **more: bytes,
) -> Seen:
    record = TraceRecord("1800000000123456", way, transport, peer, "dialog-1", "1 INVITE", "INVITE", "", "0")
    call = OfCall("c-1", "caller", "dialog-1", "care", "9995550100", "4512")
    return Seen(call, record, (local, 5060), **{"payload": b"INVITE sip:a SIP/2.0\r\n\r\n", **more})


def test_a_packet_says_all_that_the_specification_asks_for() -> None:
    data = packet(seen(), agent=2001, node="edge-1", key=b"open sesame")
    assert data is not None
    assert chunks(data) == {
        1: b"\x02",  # IPv4
        2: b"\x11",  # UDP
        3: bytes((192, 0, 2, 7)),
        4: bytes((198, 51, 100, 1)),
        7: (5062).to_bytes(2),
        8: (5060).to_bytes(2),
        9: (1_800_000_000).to_bytes(4),
        10: (123_456).to_bytes(4),
        11: b"\x01",  # SIP
        12: (2001).to_bytes(4),
        14: b"open sesame",
        15: b"INVITE sip:a SIP/2.0\r\n\r\n",
        17: b"c-1",
        19: b"edge-1",
    }


def test_what_we_send_goes_the_other_way_and_tls_is_tcp() -> None:
    data = packet(seen(">", "tls"), agent=1, node="e")
    assert data is not None
    found = chunks(data)
    assert (found[2], found[3], found[4]) == (b"\x06", bytes((198, 51, 100, 1)), bytes((192, 0, 2, 7)))
    assert (found[7], found[8], 14 in found) == ((5060).to_bytes(2), (5062).to_bytes(2), False)


def test_ipv6_has_chunks_of_its_own() -> None:
    data = packet(seen(peer="[2001:db8::7]:5062", local="2001:db8::1"), agent=1, node="e")
    assert data is not None
    found = chunks(data)
    assert (found[1], len(found[5]), len(found[6]), 3 in found) == (b"\x0a", 16, 16, False)


def test_what_is_too_long_for_a_datagram_is_none() -> None:
    assert packet(seen(payload=b"x" * MOST), agent=1, node="e") is None


class Collector:
    """Hears UDP on loopback."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0)
        self.url = f"udp://127.0.0.1:{self.socket.getsockname()[1]}"

    async def heard(self) -> dict[int, bytes]:
        """The next packet."""
        return chunks(await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.socket, 65_536), 60))

    def nothing(self) -> bool:
        """Whether no packet waits."""
        try:
            self.socket.recv(1)
        except BlockingIOError:
            return True
        return False


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    made = Collector()
    yield made
    made.socket.close()


class Way:
    """A Homer behind a wire; tasks are waited for."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.tasks: list[asyncio.Task[None]] = []
        self.homer = Homer(self.wire.messages, "edge-1", self._run)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    async def follow(self, **settings: object) -> None:
        """Let it follow these settings, and wait until it knows its collector."""
        self.homer.follow(Hep.model_validate(settings))
        await asyncio.gather(*self.tasks)


@pytest.fixture
async def way() -> AsyncIterator[Way]:
    made = Way()
    yield made
    made.homer.close()


async def test_each_message_of_a_call_is_sent_and_those_of_no_call_are_not(
    way: Way, collector: Collector
) -> None:
    await way.follow(collector=collector.url, id=7)
    way.wire.call("c-1", "dialog-1")
    said = way.wire.comes("dialog-1")
    way.wire.comes("of no call", "OPTIONS")
    found = await collector.heard()
    assert (found[15], found[17], found[12]) == (said, b"c-1", (7).to_bytes(4))
    assert collector.nothing()
    way.homer.close()
    way.wire.comes("dialog-1", "BYE")
    assert (way.homer.sent, way.homer.dropped, collector.nothing()) == (1, 0, True)


async def test_projects_are_sampled_each_by_its_own_share_and_calls_as_a_whole(
    way: Way, collector: Collector
) -> None:
    await way.follow(collector=collector.url, sample="0%", projects={"care": "50%", "all": "100%"})
    for project in ("care", "all", "none"):
        for number in range(100):
            call_id = f"c-{project}-{number}"
            way.wire.call(call_id, f"{call_id}-a", project=project)
            way.wire.call(call_id, f"{call_id}-b", project=project)
            for leg in ("a", "b"):
                way.wire.comes(f"{call_id}-{leg}")
    found: list[str] = []
    while not collector.nothing():
        found.append("")
    sent = way.homer.sent
    assert sent % 2 == 0, "both legs of a call, or none"
    assert 200 + 2 * 25 < sent < 200 + 2 * 75


async def test_a_collector_that_is_not_there_costs_packets_only(way: Way) -> None:
    closed = Collector()
    closed.socket.close()
    await way.follow(collector=closed.url)
    way.wire.call("c-1", "dialog-1")
    for _ in range(10):
        way.wire.comes("dialog-1")
        await asyncio.sleep(0)
    assert way.homer.sent + way.homer.dropped == 10
    assert way.homer.dropped
    assert way.wire.errors == []


async def test_one_that_can_t_be_looked_up_is_asked_for_again(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()

    async def nobody(*_: object, **__: object) -> list[Any]:
        raise socket.gaierror(socket.EAI_AGAIN, "no name server answers")

    with monkeypatch.context() as patch:
        patch.setattr(loop, "getaddrinfo", nobody)
        await way.follow(collector="udp://homer.example.org:9060")
    way.wire.call("c-1", "dialog-1")
    way.wire.comes("dialog-1")
    assert (way.homer.sent, way.homer.dropped) == (0, 1)
    monkeypatch.setattr("agent.telemetry.homer._LOOK_UP_SECONDS", 0.0)

    async def found(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("127.0.0.1", 9))]

    monkeypatch.setattr(loop, "getaddrinfo", found)
    way.homer.look()
    await eventually(lambda: all(task.done() for task in way.tasks))
    way.wire.comes("dialog-1")
    assert way.homer.sent == 1
