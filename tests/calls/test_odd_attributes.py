# SPDX-License-Identifier: GPL-3.0-or-later
"""An attribute that can't be read, or that names a host, costs nothing but itself: audio runs both ways."""

from __future__ import annotations

import pytest

from tests.calls.harness.dialog import HandCaller, HandVoiceAgent, talking_by_hand
from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.plan import CARE, VOICE_AGENT
from tests.calls.harness.ports import free_rtp_port
from tests.calls.harness.rtp import RtpPeer
from tests.calls.harness.sip_socket import SipSocket, audio_port, offer
from tests.calls.harness.talk import BOT_TONE, CALLER_TONE, QUICKLY
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls

ODD = {
    "RTCP at a name": "a=rtcp:4001 IN IP4 host.invalid",
    "RTCP at no address": "a=rtcp:4001 IN IP4 999.1.1.1",
    "RTCP at an address of the other family": "a=rtcp:4001 IN IP6 ::1",
    "RTCP at a group": "a=rtcp:4001 IN IP4 224.0.0.1",
    "RTCP at no port": "a=rtcp:many",
    "RTCP at port 0": "a=rtcp:0",
    "RTCP at a port too high": "a=rtcp:70000",
    "RTCP without a value": "a=rtcp:",
    "SSRC that is no number": "a=ssrc:x cname:y",
    "SSRC of 33 bits": "a=ssrc:8589934592 cname:y",
    "SSRC without a value": "a=ssrc:",
}


@pytest.mark.parametrize("what", ODD)
async def test_audio_runs_both_ways_beside(house: House, what: str) -> None:
    contact = new_contact()
    async with (
        RtpPeer(free_rtp_port(), CALLER_TONE) as phone,
        RtpPeer(free_rtp_port(), BOT_TONE) as mouth,
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as far,
        SipSocket(house.plan.sip) as near,
    ):
        uri = f"sip:{CARE}@127.0.0.1:{house.plan.sip}"
        caller = HandCaller(near, uri, tuple(identity(contact).split("\r\n")), phone.port)
        bot = HandVoiceAgent(far, mouth.port, contact)
        caller.invite(body=f"{offer(phone.port)}{ODD[what]}\r\n")
        invite = await bot.asked("INVITE")
        bot.answer(invite, 200, body=f"{offer(mouth.port)}{ODD[what]}\r\n")
        await bot.asked("ACK")
        await caller.answered("INVITE", 200)
        caller.in_dialog("ACK", 1)
        phone.speak_to(audio_port(caller.answers("INVITE", 200)[0].body))
        mouth.speak_to(audio_port(invite.body))
        await eventually(lambda: phone.hears(BOT_TONE), QUICKLY, "the caller hears the voice agent")
        await eventually(lambda: mouth.hears(CALLER_TONE), QUICKLY, "the voice agent hears the caller")
        caller.in_dialog("BYE", 2)
        await caller.answered("BYE", 200)
        await bot.asked("BYE")
    await house.signalled(contact, {"p1": "Connected"})
    await house.at_rest()


USELESS = {
    **{
        where: offer(4000).replace("c=IN IP4 127.0.0.1", f"c={where}")
        for where in ("IN IP6 ::1", "IN IP4 224.0.0.1", "IN IP4 255.255.255.255", "IN IP4 999.1.1.1")
    },
    "more streams than there is room for": offer(4000) + "m=video 0 RTP/AVP 31\r\n" * 8,
}


@pytest.mark.parametrize("what", USELESS)
async def test_an_offer_in_a_call_that_none_can_take_is_488_and_the_call_goes_on(
    house: House, what: str
) -> None:
    async with talking_by_hand(house, new_contact()) as (caller, bot):
        caller.in_dialog("INVITE", 2, body=USELESS[what])
        await caller.answered("INVITE", 488)
        assert not bot.received("BYE")
    await house.at_rest()
