# SPDX-License-Identifier: GPL-3.0-or-later
"""Which legs are tapped for captures, how many, and until when."""

from __future__ import annotations

import struct
import sys
from types import SimpleNamespace
from typing import cast

import pytest

from agent.calls import taps as module
from agent.calls.register import Register
from agent.calls.taps import Taps
from agent.core.sides import Side
from agent.sip import tap
from agent.sip.tap import TappedPacket
from agent.telemetry.capture import Capture, Wanted
from agent.telemetry.pcap import HEADER
from agent.telemetry.stories import OfCall, Stories
from agent.telemetry.withheld import NO_EVENT

FAR_V4, OURS_V4 = (bytes(one) + bytes(12) for one in ((192, 0, 2, 7), (198, 51, 100, 1)))
FAR, OURS = ("192.0.2.7", 4000), ("198.51.100.1", 20000)


class Leg:
    """What is tapped under which number."""

    def __init__(self, key: int) -> None:
        self.key = key
        self.sip_call_id = f"dialog-{key}"
        self.alive = True
        self.tapped: list[int] = []

    def tap(self, number: int) -> None:
        """As `agent.sip.leg.Leg`."""
        self.tapped.append(number)


class Node:
    """Calls of one leg each, and what C has copied."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.packets: list[TappedPacket] = []
        self.lost = 0
        monkeypatch.setattr(module, "tap", SimpleNamespace(take=self._take, dropped=lambda: self.lost))
        self.legs = {f"c-{key}": Leg(key) for key in range(1, 50)}
        self.up = set(self.legs)
        self.stories = Stories()
        for call_id, leg in self.legs.items():
            self.stories.bind(call_id, leg.sip_call_id, Side.CALLER.value)
            self.stories.about(call_id, "care", "9995550100")
        self.withhold = False
        self.taps = Taps(
            cast("Register", self), self.stories, lambda *_: None, withhold=lambda: self.withhold
        )

    def _take(self) -> list[TappedPacket]:
        packets, self.packets = self.packets, []
        return packets

    def by_id(self, call_id: str) -> SimpleNamespace:
        """As `Register`."""
        return SimpleNamespace(legs=SimpleNamespace(legs={Side.CALLER: self.legs[call_id]}))

    def calls(self) -> list[SimpleNamespace]:
        """As `Register`."""
        return [self.by_id(call_id) for call_id in self.legs]

    def by_leg(self, key: int) -> str | None:
        """As `Register`."""
        return f"c-{key}" if f"c-{key}" in self.up else None

    def comes(self, number: int, *, sent: bool = False, data: bytes = b"rtp") -> None:
        """A packet is copied under a number."""
        self.packets.append(TappedPacket(number, 5, sent, rtcp=False, ours=OURS, theirs=FAR, data=data))

    def of(self, call_id: str) -> OfCall:
        """Whose a SIP message of this call is."""
        found = self.stories.whose(self.legs[call_id].sip_call_id)
        assert found is not None
        return found


class Packets(Capture):
    """A capture without a file."""

    def __init__(self, **wanted: str) -> None:
        self.wanted = Wanted(**wanted)
        self.ended, self.bytes, self.size = None, len(HEADER), 1_000_000
        self.packets = self.dropped = 0
        self.got: list[bytes] = []
        self._left_out = set()

    def put(self, data: bytes, packets: int = 1) -> None:
        """Keep them."""
        self.packets += packets
        self.got.append(data)


@pytest.fixture
async def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(monkeypatch)


async def test_a_leg_is_tapped_once_however_often_and_by_whomever_it_is_wanted(node: Node) -> None:
    first, second = Packets(project="care"), Packets(call="c-1")
    for _ in range(3):
        node.taps.begin(first, node.of("c-1"))
    node.taps.begin(second, node.of("c-1"))
    leg = node.legs["c-1"]
    assert leg.tapped == [1]
    node.comes(1)
    node.comes(1, sent=True)
    node.comes(9)
    node.taps.end(first)
    assert (first.packets, second.packets, leg.tapped) == (2, 2, [1])
    node.comes(1)
    node.taps.end(second)
    assert (first.packets, second.packets, leg.tapped) == (2, 3, [1, 0])


async def test_of_more_legs_than_may_be_there_is_sip_alone(node: Node) -> None:
    capture = Packets(project="care")
    node.taps.begin_all(capture)
    tapped = [leg for leg in node.legs.values() if leg.tapped]
    assert len(tapped) == module.LEGS
    assert len(capture._left_out) == len(node.legs) - module.LEGS
    node.up.discard("c-1")
    node.legs["c-1"].alive = False
    node.taps.look()
    assert node.legs["c-1"].tapped == [1], "a leg that is gone is left alone"
    node.taps.begin(capture, node.of("c-49"))
    assert node.legs["c-49"].tapped, "its place is another one's"
    node.taps.end(capture)


async def test_only_legs_of_wanted_calls_are_tapped_and_what_is_lost_is_counted(node: Node) -> None:
    capture = Packets(call="c-7")
    node.taps.begin_all(capture)
    assert [call_id for call_id, leg in node.legs.items() if leg.tapped] == ["c-7"]
    node.lost = 12
    node.taps.end(capture)
    assert capture.dropped == 12


@pytest.mark.parametrize("withhold", [True, False])
async def test_which_keys_were_pressed_is_in_it_only_where_numbers_are_shown(
    node: Node, *, withhold: bool
) -> None:
    capture, node.withhold = Packets(call="c-1"), withhold
    node.taps.begin(capture, node.of("c-1"))
    head = bytes((0x80, 101)) + bytes(10)
    node.comes(1, data=head + b"\5\x8a\x03\x20")
    node.taps.end(capture)
    (data,) = capture.got
    assert data.endswith(head + bytes((NO_EVENT if withhold else 5,)) + b"\x8a\x03\x20")


class Wanting(Node):
    """The same, with packets as C hands them over: of 40 legs, there and back, within a tenth of a second."""

    def _take(self) -> list[TappedPacket]:
        return tap.take()


async def test_a_packet_costs_the_loop_a_few_calls_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """40 legs are 4,000 packets a second, and each tenth of a second of them holds the loop at once."""
    copied = b"".join(
        struct.pack("=QIHBx16sH16sH", 5, leg, 172, way, OURS_V4, 20000 + leg, FAR_V4, 30000 + leg)
        + bytes((0x80, 0)) + bytes(170)
        for _ in range(5)
        for leg in range(1, module.LEGS + 1)
        for way in (0, 1)
    )  # fmt: skip
    monkeypatch.setattr(tap, "pjsua2", SimpleNamespace(handoff_tap_take=lambda: copied))
    node = Wanting(monkeypatch)
    node.withhold = True
    capture = Packets(project="care")
    node.taps.begin_all(capture)
    node.taps._take()  # what is the same for all packets of a leg is found out once
    calls, before = 0, capture.packets

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        node.taps._take()
    finally:
        sys.setprofile(None)
    node.taps.end(capture)
    assert capture.packets - before >= 400
    assert calls <= 7 * 400
