# SPDX-License-Identifier: GPL-3.0-or-later
"""DTMF across the edge, both ways and in both forms: the keys that are pressed arrive, as long as pressed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import pytest

from agent.simulators.g711 import FRAME
from agent.simulators.messages import WireMessage, read
from tests.calls.harness.dialog import HandCaller, HandVoiceAgent
from tests.calls.harness.house import House
from tests.calls.harness.ports import free_rtp_port
from tests.calls.harness.rtp import EVENT, RtpPeer
from tests.calls.harness.sip_socket import offer
from tests.calls.harness.waiting import eventually
from tests.calls.test_relay import EVENTS, by_hand

pytestmark = pytest.mark.calls

QUICKLY: Final = 30.0
KEYS: Final = "0123456789*#"
PRESSED: Final = [("1", 100), ("*", 240), ("#", 400), ("9", 160)]
"""Keys, and for how many milliseconds."""
INFO: Final = "application/dtmf-relay"
A_FRAME: Final = 20


@dataclass
class End:
    """One end of a call: its audio, its signalling, and how it presses keys.

    Attributes:
        events: the payload type that telephone-events have towards us, as our SDP says.
        by_info: by SIP INFO; as telephone-event (RFC 4733) if not.
    """

    rtp: RtpPeer
    inform: Callable[[int, str], None]
    informed: Callable[[], list[WireMessage]]
    events: int
    by_info: bool = False

    async def press(self, number: int, key: str, milliseconds: int) -> None:
        """Press a key for so long."""
        if self.by_info:
            self.inform(number + 2, f"Signal={key}\r\nDuration={milliseconds}\r\n")
        else:
            await self.rtp.press(KEYS.index(key), milliseconds // A_FRAME, self.events)

    def heard(self) -> list[tuple[str, int]]:
        """The keys that were pressed at the other end, in order, and for how many milliseconds."""
        found = [
            (key[1], int(long[1]))
            for each in self.informed()
            if (key := re.search(r"^Signal=(\S)", each.body, re.MULTILINE))
            and (long := re.search(r"^Duration=(\d+)", each.body, re.MULTILINE))
        ]
        ends = {  # an event by when it began; what ends it is sent three times
            packet.timestamp: packet.payload
            for packet in self.rtp.packets
            if packet.payload_type == EVENT and packet.payload[1] & 0x80
        }
        events = [
            (KEYS[payload[0]], int.from_bytes(payload[2:4], "big") * A_FRAME // FRAME)
            for payload in ends.values()
        ]
        assert not (found and events), "one form, never both"
        return found or events


def more_than(end: End, keys: int) -> bool:
    """Whether an end has heard more keys than that."""
    return len(end.heard()) > keys


def sdp(port: int, *, by_info: bool) -> str:
    """What an end offers or answers: with telephone-event, or without."""
    plain = offer(port)
    return plain if by_info else plain.partition("m=audio")[0] + EVENTS.format(port)


def events_in(body: str) -> int:
    """The payload type of telephone-events in our SDP; that of the tests where it has none."""
    found = re.search(r"^a=rtpmap:(\d+) telephone-event/8000", body, re.MULTILINE)
    return int(found[1]) if found else EVENT


def ends_of(caller: HandCaller, bot: HandVoiceAgent, phone: RtpPeer, mouth: RtpPeer) -> tuple[End, End]:
    """Both ends, which answer what they are asked from now on; how each presses is still to be said."""

    def takes(data: bytes) -> None:
        asked = read(data)
        if asked.method not in ("INVITE", "ACK"):
            bot.answer(asked, 200)

    bot.wire.on_request = takes
    caller.wire.on_request = caller.takes

    def from_caller(cseq: int, body: str) -> None:
        caller.in_dialog("INFO", cseq, body=body, content_type=INFO)

    def from_bot(cseq: int, body: str) -> None:
        bot.asks("INFO", cseq, f"Content-Type: {INFO}", body=body)

    def once(messages: list[WireMessage]) -> list[WireMessage]:
        return list({each.first("CSeq"): each for each in messages}.values())

    return (
        End(
            phone,
            from_caller,
            lambda: once(caller.requests("INFO")),
            events_in(caller.answers("INVITE", 200)[0].body),
        ),
        End(
            mouth,
            from_bot,
            lambda: once(bot.requests("INFO")),
            events_in(bot.requests("INVITE")[0].body),
        ),
    )


@pytest.mark.parametrize("hears_info", [False, True], ids=["to events", "to INFO"])
@pytest.mark.parametrize("sends_info", [False, True], ids=["events", "INFO"])
@pytest.mark.parametrize("from_caller", [True, False], ids=["the caller's", "the voice agent's"])
async def test_keys_arrive_as_they_were_pressed(
    house: House, *, from_caller: bool, sends_info: bool, hears_info: bool
) -> None:
    caller_info, bot_info = (sends_info, hears_info) if from_caller else (hears_info, sends_info)
    async with RtpPeer(free_rtp_port()) as phone, RtpPeer(free_rtp_port(), 1500.0) as mouth:
        asked, answer = sdp(phone.port, by_info=caller_info), sdp(mouth.port, by_info=bot_info)
        async with by_hand(house, phone, mouth, answer, asked) as (caller, bot, _):
            near, far = ends_of(caller, bot, phone, mouth)
            near.by_info, far.by_info = caller_info, bot_info
            await eventually(lambda: mouth.hears(1000.0), QUICKLY, "audio of the caller")
            await eventually(lambda: phone.hears(1500.0), QUICKLY, "audio of the voice agent")
            one, other = (near, far) if from_caller else (far, near)
            for number, (key, milliseconds) in enumerate(PRESSED):
                await one.press(number, key, milliseconds)
                await eventually(partial(more_than, other, number), QUICKLY, f"key {key}")
            assert [key for key, _ in other.heard()] == [key for key, _ in PRESSED]
            for (_, heard), (_, pressed) in zip(other.heard(), PRESSED, strict=True):
                assert abs(heard - pressed) <= A_FRAME, other.heard()
            assert not one.heard(), "nothing comes back"
