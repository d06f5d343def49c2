# SPDX-License-Identifier: GPL-3.0-or-later
"""A 200 by which no audio can flow is no answer: it gets ACK and BYE, and the next target is called."""

from __future__ import annotations

import pytest

from agent.simulators.messages import WireMessage
from tests.calls.harness.dialog import HandVoiceAgent
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import FAILOVER, VOICE_AGENT, Change, Plan
from tests.calls.harness.sip_socket import SipSocket
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls

CONNECTED, ESCALATE = {"p1": "Connected"}, {"p1": "Escalate", "p3": "no_agent"}
SESSION = "v=0\r\no=bot 1 1 IN IP4 127.0.0.1\r\ns=-\r\n"
HERE = "c=IN IP4 127.0.0.1\r\nt=0 0\r\n"
USELESS = {
    "a codec that was never offered": f"{SESSION}{HERE}m=audio 4000 RTP/AVP 18\r\n",
    "no port": f"{SESSION}{HERE}m=audio 0 RTP/AVP 0\r\n",
    "another kind of media": f"{SESSION}{HERE}m=video 4000 RTP/AVP 31\r\n",
    "an address of the other family": f"{SESSION}c=IN IP6 ::1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
    "a group's address": f"{SESSION}c=IN IP4 224.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
    "everybody's address": f"{SESSION}c=IN IP4 255.255.255.255\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
    "more streams than there is room for": f"{SESSION}{HERE}m=audio 4000 RTP/AVP 0\r\n"
    + "m=video 0 RTP/AVP 31\r\n" * 8,
    "no address": f"{SESSION}t=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
    "SRTP that was never offered": f"{SESSION}{HERE}m=audio 4000 RTP/SAVP 0\r\n"
    f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{'A' * 40}\r\n",
    "rubbish": "v=0\r\no=bot one two IN IP4 nowhere\r\ns=-\r\nm=audio x RTP/AVP many\r\n",
    "nothing": "",
}
EARLY = f"{SESSION}{HERE}m=audio 4000 RTP/AVP 0\r\n"


@pytest.fixture(scope="module")
def change() -> Change:
    """Time enough for a busy machine."""

    def shorten(plan: Plan) -> None:
        plan.agent["limits"]["ring"] = "20s"

    return shorten


async def answered(useless: HandVoiceAgent, body: str) -> WireMessage:
    """The useless voice agent answers with this SDP, and is let go as it must be: ACK, then one BYE."""
    invite = await useless.asked("INVITE")
    useless.answer(invite, 200, body=body)
    await useless.asked("ACK")
    return await useless.asked("BYE")


@pytest.mark.parametrize("what", USELESS)
async def test_the_second_target_takes_the_call_when_the_first_answers_with(house: House, what: str) -> None:
    contact = new_contact()
    since = house.watch()
    async with (
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as wire,
        house.voice_agent(port=house.plan.second) as bot,
        house.caller("basic_call", contact, number=FAILOVER, talk=100) as caller,
    ):
        useless = HandVoiceAgent(wire, 4000, contact)
        await answered(useless, USELESS[what])
        await caller.succeeds()
        await bot.succeeds()
        order = [one.method for one in useless.all() if one.method in ("ACK", "BYE")]
        assert order == ["ACK", "BYE"]
    row = await house.ended(caller, "caller", "caller_hung_up")
    await house.signalled(contact, CONNECTED)
    assert since.moved("handoff_invites_total", project="acme-failover", result="answered") == 1
    house.story(row["call_id"]).when("no answer: no audio can flow", "agent")
    await house.at_rest()


async def test_nobody_answered_where_every_answer_is_useless(house: House) -> None:
    contact = new_contact()
    body = USELESS["a codec that was never offered"]
    async with (
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as one,
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.second) as two,
        house.caller("refused", contact, number=FAILOVER) as caller,
    ):
        await answered(HandVoiceAgent(one, 4000, contact), body)
        await answered(HandVoiceAgent(two, 4000, contact), body)
        await caller.succeeds()
    assert caller.received("480 INVITE")
    await house.ended(caller, "failed", "no_agent")
    await house.signalled(contact, CONNECTED, ESCALATE)
    await house.at_rest()


async def test_a_record_route_that_is_no_sip_uri_costs_nothing(house: House) -> None:
    contact = new_contact()
    async with (
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as wire,
        house.caller("basic_call", contact, number=FAILOVER, talk=100) as caller,
    ):
        bot = HandVoiceAgent(wire, 4000, contact)
        bot.answer(await bot.asked("INVITE"), 200, headers=("Record-Route: <tel:+1>",))
        await bot.asked("ACK")
        await caller.succeeds()
        await bot.asked("BYE")
    await house.ended(caller, "caller", "caller_hung_up")
    await house.at_rest()


async def test_a_200_without_sdp_after_a_183_with_it_is_an_answer(house: House) -> None:
    """RFC 3261 section 13.2.1: the first SDP answer is the answer; this 200 is of the same dialog."""
    contact = new_contact()
    async with (
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as wire,
        house.caller("basic_call", contact, number=FAILOVER, talk=100) as caller,
    ):
        bot = HandVoiceAgent(wire, 4000, contact)
        invite = await bot.asked("INVITE")
        bot.answer(invite, 183, "Session Progress", body=EARLY)
        await caller.saw("183 INVITE")
        bot.answer(invite, 200, body="")
        await bot.asked("ACK")
        await caller.succeeds()
        await bot.asked("BYE")
    await house.ended(caller, "caller", "caller_hung_up")
    await eventually(lambda: house.cxone.accepted(contact) == [CONNECTED], what="one signal")
    await house.at_rest()
