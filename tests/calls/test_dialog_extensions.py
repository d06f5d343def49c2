# SPDX-License-Identifier: GPL-3.0-or-later
"""Extensions of a dialog, on either leg: reliable ringing, session timers, UPDATE, offers by either end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.simulators.messages import WireMessage
from tests.calls.harness.dialog import HandCaller, HandVoiceAgent
from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.plan import CARE, VOICE_AGENT
from tests.calls.harness.ports import free_rtp_port
from tests.calls.harness.rtp import RtpPeer
from tests.calls.harness.sip_socket import SipSocket, offer, request
from tests.calls.harness.talk import BOT_TONE, CALLER_TONE, QUICKLY
from tests.calls.harness.waiting import eventually
from tests.calls.test_relay import by_hand

pytestmark = pytest.mark.calls


@asynccontextmanager
async def dialled(house: House, *headers: str) -> AsyncIterator[tuple[HandCaller, HandVoiceAgent]]:
    """A caller who has sent an INVITE with these headers, and a voice agent that has not answered yet."""
    contact = new_contact()
    lines = (*identity(contact).split("\r\n"), *headers)
    async with (
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as far,
        SipSocket(house.plan.sip) as near,
    ):
        caller = HandCaller(near, f"sip:{CARE}@127.0.0.1:{house.plan.sip}", lines, free_rtp_port())
        bot = HandVoiceAgent(far, free_rtp_port(), contact)
        caller.invite()
        yield caller, bot
    await house.at_rest()


async def goes_on(caller: HandCaller, bot: HandVoiceAgent, invite: WireMessage, cseq: int) -> None:
    """The voice agent answers, and the caller hangs up."""
    bot.answer(invite, 200)
    await caller.answered("INVITE", 200)
    caller.in_dialog("ACK", 1)
    caller.in_dialog("BYE", cseq)
    await caller.answered("BYE", 200)
    await bot.asked("BYE")


async def test_a_caller_who_requires_reliable_ringing_acknowledges_it(house: House) -> None:
    """RFC 3262 section 3."""
    async with dialled(house, "Supported: 100rel", "Require: 100rel") as (caller, bot):
        invite = await bot.asked("INVITE")
        bot.answer(invite, 180, "Ringing")
        await caller.answered("INVITE", 180)
        ringing = caller.answers("INVITE", 180)[0]
        assert ringing.first("Require") == "100rel"
        tag, rack = ringing.first("To").partition("tag=")[2], f"RAck: {ringing.first('RSeq')} 1 INVITE"
        call = caller.call_id
        caller.wire.send(
            request("PRACK", caller.uri, caller.wire, call_id=call, to_tag=tag, cseq=2, headers=(rack,))
        )
        await caller.answered("PRACK", 200)
        await goes_on(caller, bot, invite, 3)


async def test_reliable_ringing_of_a_voice_agent_is_acknowledged(house: House) -> None:
    async with dialled(house) as (caller, bot):
        invite = await bot.asked("INVITE")
        assert "100rel" in invite.first("Supported")
        bot.answer(invite, 180, "Ringing", headers=("Require: 100rel", "RSeq: 7"))
        prack = await bot.asked("PRACK")
        assert prack.first("RAck").split()[0] == "7"
        bot.answer(prack, 200)
        await caller.answered("INVITE", 180)
        await goes_on(caller, bot, invite, 2)


async def test_a_session_that_is_to_be_refreshed_too_often_is_422(house: House) -> None:
    """RFC 4028 section 6: the answer says how long it has to be at least."""
    async with dialled(house, "Supported: timer", "Session-Expires: 30") as (caller, bot):
        await caller.answered("INVITE", 422)
        assert caller.answers("INVITE", 422)[0].first("Min-SE") == "90"
        assert not bot.all(), "nobody was called"


@asynccontextmanager
async def heard(house: House) -> AsyncIterator[tuple[HandCaller, HandVoiceAgent, RtpPeer, RtpPeer]]:
    """A call whose ends hear each other."""
    async with (
        RtpPeer(free_rtp_port(), CALLER_TONE) as phone,
        RtpPeer(free_rtp_port(), BOT_TONE) as mouth,
        by_hand(house, phone, mouth) as (caller, bot, _),
    ):
        await hear_each_other(phone, mouth)
        yield caller, bot, phone, mouth


async def hear_each_other(phone: RtpPeer, mouth: RtpPeer) -> None:
    """From now on each end hears the other's tone."""
    before = len(phone.packets), len(mouth.packets)
    await eventually(
        lambda: len(phone.packets) > before[0] + 30 and phone.hears(BOT_TONE), QUICKLY, "the caller hears"
    )
    await eventually(
        lambda: len(mouth.packets) > before[1] + 30 and mouth.hears(CALLER_TONE), QUICKLY, "the agent hears"
    )


def to(end: HandCaller | HandVoiceAgent, cseq: str, status: int) -> list[WireMessage]:
    """The responses of that status that an end got to its request of that CSeq."""
    if isinstance(end, HandVoiceAgent):
        return [one for one in end.all() if (one.status, one.first("CSeq")) == (status, cseq)]
    return [one for one in end.answers(cseq.split()[1], status) if one.first("CSeq") == cseq]


async def test_an_offer_by_update_holds_and_resumes(house: House) -> None:
    """RFC 3311 section 5.2."""
    async with heard(house) as (caller, _, phone, mouth):
        caller.in_dialog("UPDATE", 2, body=f"{offer(phone.port)}a=sendonly\r\n")
        (held, *_) = await eventually(lambda: to(caller, "2 UPDATE", 200), what="the answer")
        assert "a=recvonly" in held.body
        caller.in_dialog("UPDATE", 3, body=offer(phone.port))
        (resumed, *_) = await eventually(lambda: to(caller, "3 UPDATE", 200), what="the answer")
        assert "a=recvonly" not in resumed.body
        await hear_each_other(phone, mouth)


async def test_a_re_invite_without_an_offer_is_answered_with_one(house: House) -> None:
    """RFC 3261 section 14.2."""
    async with heard(house) as (caller, _, phone, mouth):
        caller.in_dialog("INVITE", 2)
        (answer, *_) = await eventually(lambda: to(caller, "2 INVITE", 200), what="the offer")
        assert "m=audio " in answer.body
        caller.in_dialog("ACK", 2, body=offer(phone.port))
        await hear_each_other(phone, mouth)


async def test_hold_and_resume_of_a_voice_agent_are_answered_as_rfc_3264_says(house: House) -> None:
    async with heard(house) as (_, bot, phone, mouth):
        kind = "Content-Type: application/sdp"
        bot.asks("INVITE", 2, kind, body=f"{offer(mouth.port)}a=sendonly\r\n")
        (held, *_) = await eventually(lambda: to(bot, "2 INVITE", 200), what="the answer")
        assert "a=recvonly" in held.body
        bot.asks("ACK", 2)
        bot.asks("INVITE", 3, kind, body=offer(mouth.port))
        (resumed, *_) = await eventually(lambda: to(bot, "3 INVITE", 200), what="the answer")
        assert "a=recvonly" not in resumed.body
        bot.asks("ACK", 3)
        await hear_each_other(phone, mouth)


async def test_the_same_call_by_another_way_is_482(house: House) -> None:
    """A request that a proxy sent by two ways (RFC 3261 section 8.2.2.2) is one call."""
    async with dialled(house) as (caller, bot):
        invite = await bot.asked("INVITE")
        bot.answer(invite, 180, "Ringing")
        await caller.answered("INVITE", 180)
        first, caller.branch = caller.branch, f"{caller.branch}again"
        caller.wire.acknowledges = True
        caller.invite()
        await caller.answered("INVITE", 482)
        caller.branch = first
        await goes_on(caller, bot, invite, 2)
        assert len(bot.requests("INVITE")) == 1
