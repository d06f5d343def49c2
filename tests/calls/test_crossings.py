# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages that cross on the wire: whatever the order, each request is answered and nothing stays behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.simulators.messages import WireMessage
from tests.calls.harness.dialog import HandCaller, HandVoiceAgent
from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.plan import CARE, VOICE_AGENT
from tests.calls.harness.ports import free_rtp_port
from tests.calls.harness.records import Row
from tests.calls.harness.sip_socket import SipSocket
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls


async def test_a_cancel_that_crosses_the_200_changes_nothing(house: House) -> None:
    async with house.voice_agent() as bot, house.caller("cancel_crosses_answer", talk=100) as caller:
        await caller.succeeds()
        await bot.succeeds()
    await house.ended(caller, "caller", "caller_hung_up")
    await house.at_rest()


def _closed(house: House, caller: HandCaller) -> Row | None:
    """The record of a caller's call, once it is closed."""
    row = house.records.call(caller.call_id)
    return row if row and row["ended"] else None


@asynccontextmanager
async def ringing(house: House) -> AsyncIterator[tuple[HandCaller, HandVoiceAgent, WireMessage]]:
    """A call that rings, both ends played by hand, with the INVITE that reached the voice agent."""
    contact = new_contact()
    lines = tuple(identity(contact).split("\r\n"))
    async with (
        SipSocket(house.plan.sip) as near,
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as far,
    ):
        caller = HandCaller(near, f"sip:{CARE}@127.0.0.1:{house.plan.sip}", lines, free_rtp_port())
        bot = HandVoiceAgent(far, free_rtp_port(), contact)
        caller.invite()
        invite = await bot.asked("INVITE")
        bot.answer(invite, 180, "Ringing")
        await caller.answered("INVITE", 180)
        yield caller, bot, invite


@pytest.mark.parametrize("first", ["CANCEL", "200"])
async def test_a_cancel_and_the_200_reach_the_agent_together(house: House, first: str) -> None:
    since = house.watch()
    async with ringing(house) as (caller, bot, invite):
        if first == "CANCEL":
            caller.cancel()
        bot.answer(invite, 200)
        if first == "200":
            caller.cancel()
        assert await caller.answered("CANCEL", 200, 481)
        final = await caller.answered("INVITE", 487, 200)
        if final == 200:
            caller.in_dialog("ACK", 1)
            caller.in_dialog("BYE", 2)
            await caller.answered("BYE", 200)
        await bot.asked("ACK")
        await bot.asked("BYE")
        await house.at_rest()
        row = await eventually(lambda: _closed(house, caller), what="a record that is closed")
    assert row is not None
    said = ("answered", "caller_hung_up") if final == 200 else ("cancelled", "cancelled")
    assert (row["end"], row["reason"]) == ("caller", said[1]), "the record says what the caller was told"
    assert since.moved("handoff_invites_total", result=said[0]) == 1
    assert since.moved("handoff_calls_total", end="caller") == 1


async def test_byes_cross_on_the_callers_leg(house: House) -> None:
    contact = new_contact()
    async with (
        house.voice_agent("hangs_up", talk=100) as bot,
        house.caller("bye_crosses_bye", contact) as caller,
    ):
        await caller.succeeds()
        await bot.succeeds()
    await house.signalled(contact, {"p1": "Connected"}, {"p1": "End"})
    await house.ended(caller, "completed", "completed")
    await house.at_rest()


async def test_byes_cross_on_the_voice_agents_leg(house: House) -> None:
    contact = new_contact()
    async with (
        house.voice_agent("bye_crosses_bye") as bot,
        house.caller("basic_call", contact, talk=100) as caller,
    ):
        await caller.succeeds()
        await bot.succeeds()
    await house.signalled(contact, {"p1": "Connected"})
    await house.ended(caller, "caller", "caller_hung_up")
    await house.at_rest()


async def test_an_invite_that_comes_twice_is_one_call(house: House) -> None:
    since = house.watch()
    async with ringing(house) as (caller, bot, invite):
        caller.invite()
        caller.invite()
        await eventually(lambda: len(caller.answers("INVITE", 180)) >= 2, what="the 180 again")
        caller.cancel()
        await caller.answered("INVITE", 487)
        await bot.asked("CANCEL")
        bot.answer(invite, 487, "Request Terminated")
        assert len(bot.requests("INVITE")) == 1
        await house.at_rest()
    assert since.moved("handoff_invites_total") == 1
    assert since.moved("handoff_invites_total", result="cancelled") == 1


async def test_a_caller_who_gives_up_before_the_voice_agent_said_anything_is_let_go(house: House) -> None:
    contact = new_contact()
    lines = tuple(identity(contact).split("\r\n"))
    async with (
        SipSocket(house.plan.sip) as near,
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as far,
    ):
        caller = HandCaller(near, f"sip:{CARE}@127.0.0.1:{house.plan.sip}", lines, free_rtp_port())
        bot = HandVoiceAgent(far, free_rtp_port(), contact)
        caller.invite()
        caller.cancel()
        await caller.answered("CANCEL", 200)
        await caller.answered("INVITE", 487)
        if bot.requests("INVITE"):
            bot.answer(bot.requests("INVITE")[0], 486, "Busy Here")
        await house.at_rest(45)


async def test_a_request_with_an_old_cseq_is_500_and_the_call_stays(house: House) -> None:
    async with ringing(house) as (caller, bot, invite):
        bot.answer(invite, 200)
        await caller.answered("INVITE", 200)
        caller.in_dialog("ACK", 1)
        caller.in_dialog("UPDATE", 7)
        await caller.answered("UPDATE", 200)
        caller.in_dialog("INFO", 3)
        await caller.answered("INFO", 500)
        caller.in_dialog("BYE", 8)
        await caller.answered("BYE", 200)
        await bot.asked("BYE")
        await house.at_rest()
