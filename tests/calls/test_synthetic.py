# SPDX-License-Identifier: GPL-3.0-or-later
"""Test calls to voice agents of each kind: one that talks, one that is deaf, one that is mute, none."""

from __future__ import annotations

import asyncio
import json
import math
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agent.simulators.g711 import RATE, decode, encode
from agent.simulators.hearing import AUDIBLE_DBFS, level
from tests.calls.harness.dialog import HandVoiceAgent
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import CARE, VOICE_AGENT
from tests.calls.harness.ports import free_rtp_port
from tests.calls.harness.rtp import EVENT, RtpPeer
from tests.calls.harness.sip_socket import SipSocket, audio_port, offer
from tests.calls.harness.waiting import eventually
from tests.calls.test_operators import operate

pytestmark = [pytest.mark.calls, pytest.mark.slow, pytest.mark.usefixtures("ahead")]

QUIET_PACKETS = 30
WORD = encode(array("h", (round(8000 * math.sin(2 * math.pi * 440 * n / RATE)) for n in range(RATE))))
EVENTS = "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"


class Bot:
    """A voice agent of one call: it greets where it is not mute, and answers where it is not deaf."""

    def __init__(self, contact: str, far: SipSocket, mouth: RtpPeer) -> None:
        self._hand = HandVoiceAgent(far, mouth.port, contact)
        self.mouth = mouth
        self.invite = ""

    async def talk(self, *, mute: bool = False, deaf: bool = False) -> None:
        """One call, until it is hung up."""
        await eventually(lambda: self._hand.requests("INVITE"), 60, "INVITE")  # a process starts first
        invite = await self._hand.asked("INVITE")
        via = invite.first("Via").partition(";")[0]
        self._hand.wire._agent = ("127.0.0.1", int(via.rpartition(":")[2]))  # its own port
        self.invite = "\n".join(f"{name}: {value}" for name, value in invite.headers)
        body = offer(self.mouth.port).replace("AVP 0", "AVP 0 101") + EVENTS
        self._hand.answer(invite, 200, body=body.replace("127.0.0.1", VOICE_AGENT))
        await self._hand.asked("ACK")
        if not mute:
            self.mouth.say(WORD)
            self.mouth.speak_to(audio_port(invite.body))
        if not mute and not deaf:
            await eventually(self._hears, what="the caller speaks")
            await eventually(lambda: not self._hears(), what="the caller has spoken")
            self.mouth.say(WORD)
        await eventually(lambda: self._hand.wire.got and self._over(), 60, "BYE")

    def _over(self) -> bool:
        return any(data.startswith(b"BYE ") for data in self._hand.wire.got)

    def _hears(self) -> bool:
        latest = [one.payload for one in self.mouth.packets if one.payload_type == 0][-QUIET_PACKETS:]
        return any(level(decode(payload)) > AUDIBLE_DBFS for payload in latest)


@asynccontextmanager
async def bot(
    house: House, contact: str = "0", *, mouth: RtpPeer | None = None, **kind: bool
) -> AsyncIterator[Bot]:
    """A voice agent for the next call, with a mouth of its own or this one, which is open."""
    async with (
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as far,
        RtpPeer(free_rtp_port(), address=VOICE_AGENT) as usual,
    ):
        one = Bot(contact, far, mouth or usual)
        talking = asyncio.ensure_future(one.talk(**kind))
        try:
            yield one
        finally:
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)


async def called(house: House, *options: str) -> tuple[int | None, dict[str, Any]]:
    """The exit code and the result of ``test-call acme-care``."""
    code, said = await operate(house, "test-call", "acme-care", "--json", "--wait", "4", *options)
    assert said.startswith("{"), said
    return code, json.loads(said)


async def test_a_voice_agent_that_hears_and_answers_passes_and_the_node_counts_nothing(house: House) -> None:
    since, before = house.watch(), len(house.records.calls())
    async with bot(house) as far:
        code, result = await called(house, "--digits", "7#")
        assert "x-handoff-test: 1" in far.invite.lower()
        assert any(packet.payload_type == EVENT for packet in far.mouth.packets)
    assert (code, result["wrong"]) == (0, []), result
    assert result["answered_by"].startswith("sip:bot@")
    assert result["first_audio"] is not None
    assert result["response_gap"] > 0
    assert min(result["received"], result["sent"]) > 100
    assert result["mos"] > 4
    assert result["dtmf"] == "as telephone-event (RFC 4733)"
    assert not since.moved("handoff_calls_total") + since.moved("handoff_invites_total")
    assert not since.moved("handoff_rtp_packets_received_total")
    assert len(house.records.calls()) == before


async def test_a_deaf_voice_agent_is_found_out(house: House) -> None:
    async with bot(house, deaf=True):
        code, result = await called(house)
    assert code == 1
    assert result["wrong"] == ["it said nothing after we had spoken: it does not hear us, or does not react"]


async def test_a_mute_voice_agent_is_found_out(house: House) -> None:
    async with bot(house, mute=True):
        code, result = await called(house)
    assert code == 1
    assert result["wrong"] == ["no audio came at all: RTP does not get through from it to here"]


async def test_nobody_answers(house: House) -> None:
    code, result = await called(house)
    assert code == 1
    assert result["wrong"] == ["no voice agent answered"]
    ((uri, said),) = result["tried"]
    assert uri.startswith("sip:bot@")
    assert said == "nothing within 6 s"


async def test_through_our_own_edge_it_is_a_whole_call_with_its_signals(house: House) -> None:
    contact = new_contact()
    async with bot(house, contact):
        code, result = await called(house, "--through", CARE, "--contact", contact)
    assert (code, result["wrong"]) == (0, []), result
    assert any("project acme-care" in line for line in result["more"])
    assert "signal arrival: accepted" in result["more"]
    assert house.cxone.accepted(contact)[0] == {"p1": "Connected"}
    await house.at_rest()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("nobody",), "unknown project nobody"),
        (("acme-care", "--digits", "9x"), "a key is one of 0 to 9"),
        (("acme-care", "--wait", "0"), "more than 0"),
        (("acme-care", "--contact", "1"), "--contact needs --through"),
        (("acme-care", "--through", "123"), "no rule takes 123"),
        (("acme-care", "--through", "9995550140"), "leads to acme-small and not to acme-care"),
        (("acme-care", "--speak", "/nowhere.wav"), "/nowhere.wav can't be spoken"),
    ],
)
async def test_what_can_not_be_done_is_one_line(house: House, options: tuple[str, ...], why: str) -> None:
    code, said = await operate(house, "test-call", *options)
    assert code == 2
    assert why in said
    assert said.count("\n") == 1
