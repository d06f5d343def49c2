# SPDX-License-Identifier: GPL-3.0-or-later
"""The caller goes back bridged to a third leg; where nobody answers there, by release."""

from __future__ import annotations

import asyncio

import pytest

from tests.calls.harness.asking import CONNECTED, hand_off, handed_off, post, told, went_back
from tests.calls.harness.house import House
from tests.calls.harness.plan import BRIDGE, Change, Plan, patient, soon
from tests.calls.harness.rtp import EVENT, RtpPeer
from tests.calls.harness.talk import CALLER_TONE, QUEUE_TONE, QUICKLY, queue, talking
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls

BRIDGE_TWO, BRIDGE_LOST = "9995550321", "9995550322"


@pytest.fixture(scope="module")
def change() -> Change:
    """Projects with two targets each."""

    def add(plan: Plan) -> None:
        two, lost = plan.back(plan.queue, plan.overflow), plan.back(plan.lost, plan.overflow)
        patient(plan.projects["acme-bridge"])
        plan.add("acme-bridge-two", BRIDGE_TWO, method="bridge", targets=two)
        soon(plan.add("acme-bridge-lost", BRIDGE_LOST, method="bridge", targets=lost))

    return add


async def test_the_third_leg_is_told_whose_call_it_is(house: House) -> None:
    async with queue(house) as third, talking(house, bot="answers", number=BRIDGE) as talk:
        await hand_off(talk)
        invite = await third.sipp.saw("INVITE")
        assert invite.header("X-Contact-Id") == talk.contact
        assert invite.header("X-Call-Id") == talk.call_id
        assert int(invite.header("Max-Forwards")) < 70
        await third.takes(talk)
        await talk.bot.succeeds()
        talk.caller.cue()
        await talk.caller.succeeds()
        await third.sipp.succeeds()
    await handed_off(talk)


@pytest.mark.parametrize("first", ["busy", "unavailable", "rejects_codecs"])
async def test_the_overflow_takes_the_caller_when_the_queue_is(house: House, first: str) -> None:
    since = house.watch()
    async with (
        house.voice_agent(first, port=house.plan.queue) as lost,
        queue(house, port=house.plan.overflow) as third,
        talking(house, bot="answers", number=BRIDGE_TWO) as talk,
    ):
        await hand_off(talk)
        await third.takes(talk)
        await lost.succeeds()
        talk.caller.cue()
        await talk.caller.succeeds()
        await third.sipp.succeeds()
    await went_back(since, "bridge")
    await handed_off(talk)


async def test_the_overflow_takes_the_caller_when_the_queue_is_silent(house: House) -> None:
    async with queue(house, port=house.plan.overflow) as third:
        async with talking(house, bot="answers", number=BRIDGE_LOST) as talk:
            await hand_off(talk)
            await third.takes(talk)
            talk.caller.cue()
            await talk.caller.succeeds()
        await third.sipp.succeeds()
    await house.signalled(talk.contact, CONNECTED, told(talk.contact))
    await house.at_rest(45)


async def test_the_caller_is_released_when_no_queue_answers(house: House) -> None:
    since = house.watch()
    async with (
        house.voice_agent("busy", port=house.plan.queue) as one,
        house.voice_agent("unavailable", port=house.plan.overflow) as two,
        talking(house, bot="answers", number=BRIDGE_TWO) as talk,
    ):
        await hand_off(talk)
        await one.succeeds()
        await two.succeeds()
        await talk.hears_comfort()
        await talk.caller.saw("BYE")
        await talk.caller.succeeds()
    await went_back(since, "release")
    await handed_off(talk)


async def test_a_caller_who_hangs_up_while_the_queue_rings_takes_the_call_back(house: House) -> None:
    async with (
        house.voice_agent("rings_for_ever", port=house.plan.queue) as third,
        talking(house, bot="answers", number=BRIDGE) as talk,
    ):
        await hand_off(talk)
        await third.saw("INVITE")
        await talk.hears_comfort()
        talk.caller.cue()
        await talk.caller.succeeds()
        await third.succeeds()
    await handed_off(talk)


async def test_the_end_of_the_queue_is_the_end_of_the_caller(house: House) -> None:
    async with queue(house) as third, talking(house, bot="answers", number=BRIDGE) as talk:
        await hand_off(talk)
        await third.takes(talk)
        third.sipp.cue()
        await third.sipp.succeeds()
        await talk.caller.saw("BYE")
        await talk.caller.succeeds()
    await handed_off(talk)


async def test_an_operator_ends_a_call_that_talks_to_the_queue(house: House) -> None:
    async with queue(house) as third, talking(house, bot="answers", number=BRIDGE) as talk:
        await hand_off(talk)
        await third.takes(talk)
        assert house.operations("DELETE", f"/calls/{talk.call_id}").status in (200, 202, 204)
        await third.sipp.saw("BYE")
        await talk.caller.saw("BYE")
        await asyncio.gather(talk.caller.succeeds(), third.sipp.succeeds())
    await house.signalled(talk.contact, CONNECTED, told(talk.contact))
    await house.ended(talk.caller, "handoff", "operator")
    await house.at_rest()


async def test_the_api_says_who_has_the_caller_all_along(house: House) -> None:
    async with queue(house) as third, talking(house, bot="answers", number=BRIDGE) as talk:
        await house.signalled(talk.contact, CONNECTED)
        house.cxone.fault(signal={"mode": "slow"})
        reply = await asyncio.to_thread(post, house, "acme-bridge", talk.contact)
        place = f"/v1/acme/acme-bridge/handoffs/{reply.json['id']}"
        assert reply.json["caller"] == "voice_agent"
        assert house.api("GET", place).json["caller"] == "voice_agent"
        house.cxone.heal()
        await third.takes(talk)
        assert house.api("GET", place).json["caller"] == "queue"
        talk.caller.cue()
        await asyncio.gather(talk.caller.succeeds(), third.sipp.succeeds())
    await house.at_rest()
    assert house.api("GET", place).json["caller"] == "gone"


async def _digits(end: RtpPeer) -> set[int]:
    """The digits that reached an end, once the last of them is over (RFC 4733 section 2.3.2)."""
    await eventually(
        lambda: any(p.payload_type == EVENT and p.payload[1] & 0x80 for p in end.packets), QUICKLY, "a digit"
    )
    return {packet.payload[0] for packet in end.packets if packet.payload_type == EVENT}


async def test_dtmf_crosses_between_caller_and_queue(house: House) -> None:
    async with queue(house) as third, talking(house, bot="answers", number=BRIDGE) as talk:
        await hand_off(talk)
        await third.takes(talk)
        await talk.phone.press(5)
        assert await _digits(third.ear) == {5}
        await third.ear.press(11, payload_type=third.sipp.received("INVITE")[0].event_type)
        assert await _digits(talk.phone) == {11}
        talk.caller.cue()
        await asyncio.gather(talk.caller.succeeds(), third.sipp.succeeds())


async def test_hold_and_resume_while_the_caller_talks_to_the_queue(house: House) -> None:
    async with (
        queue(house) as third,
        talking(house, caller="holds_on_cue", bot="answers", number=BRIDGE) as talk,
    ):
        await hand_off(talk)
        await third.takes(talk)
        talk.caller.cue("HOLD")
        held = await talk.caller.saw("200 INVITE", 2)
        assert held.direction in ("recvonly", "inactive")
        talk.caller.cue("RESUME")
        assert (await talk.caller.saw("200 INVITE", 3)).direction == "sendrecv"
        before = len(third.ear.packets), len(talk.phone.packets)
        await eventually(
            lambda: len(third.ear.packets) > before[0] + 40 and third.ear.hears(CALLER_TONE), QUICKLY
        )
        await eventually(
            lambda: len(talk.phone.packets) > before[1] + 40 and talk.phone.hears(QUEUE_TONE), QUICKLY
        )
        assert not third.sipp.received("BYE")
        talk.caller.cue()
        await asyncio.gather(talk.caller.succeeds(), third.sipp.succeeds())
    await handed_off(talk)
