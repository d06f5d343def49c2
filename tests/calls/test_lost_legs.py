# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends that nobody asked for: sessions that run out, answers that are never acknowledged. The script is told.

All of them take half a minute and more, by the standards' own timers, so they happen side by side.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.simulators.messages import WireMessage
from tests.calls.harness.dialog import HandCaller, HandVoiceAgent
from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.plan import Change, Plan
from tests.calls.harness.records import Row
from tests.calls.harness.sip_socket import SipSocket, offer
from tests.calls.harness.waiting import eventually

pytestmark = [pytest.mark.calls, pytest.mark.slow]

CONNECTED = {"p1": "Connected"}
LONG = 100.0
NUMBERS = {f"999555040{place}": f"127.0.4.{place}" for place in range(1, 10)}
EXPIRING, UNHEARD, UNRUNG, DYING, BOT_UPDATE, BOT_INVITE, CALLER_UPDATE, CALLER_INVITE, BOTH = NUMBERS
TIMER = ("Supported: timer", "Session-Expires: 90;refresher=uac")


@pytest.fixture(scope="module")
def change() -> Change:
    """A project for each address of a voice agent."""

    def add(plan: Plan) -> None:
        plan.agent["limits"]["ring"] = "90s"
        plan.agent["media"]["silence_timeout"] = "10m"
        for number, address in NUMBERS.items():
            project = plan.add(f"acme-{number}", number)
            uri = f"sip:bot@{address}:{plan.first}"
            project["voice_agent"] = {**project["voice_agent"], "targets": [{"uri": uri}]}
            project["handoff"]["wait_for_bye"] = "1s"

    return add


@asynccontextmanager
async def ends(
    house: House, number: str, *headers: str
) -> AsyncIterator[tuple[HandCaller, HandVoiceAgent, str]]:
    """A caller who has sent INVITE with these headers, and a voice agent that has not answered yet."""
    contact = new_contact()
    sip, first = house.plan.sip, house.plan.first
    async with SipSocket(sip, NUMBERS[number], first) as far, SipSocket(sip) as near:
        uri = f"sip:{number}@127.0.0.1:{house.plan.sip}"
        caller = HandCaller(near, uri, (*identity(contact).split("\r\n"), *headers), 4000)
        near.on_request = caller.takes
        bot = HandVoiceAgent(far, 4002, contact)
        caller.invite()
        yield caller, bot, contact


async def failed(house: House, caller: HandCaller, contact: str, reason: str) -> Row:
    """The call failed for this reason, the script was told so, once, and so is whoever asks."""

    def closed() -> Row | None:
        row = house.records.call(caller.call_id)
        return row if row and row["ended"] else None

    row = await eventually(closed, LONG, f"the call is closed: {reason}")
    assert row is not None
    assert (row["end"], row["reason"]) == ("failed", reason)
    await house.signalled(contact, CONNECTED, {"p1": "Escalate", "p3": reason})
    house.story(row["call_id"]).when("the leg is lost")
    return row


async def expires_at_the_caller(house: House) -> None:
    async with ends(house, EXPIRING, *TIMER) as (caller, bot, contact):
        bot.answer(await bot.asked("INVITE"), 200)
        await caller.answered("INVITE", 200)
        caller.in_dialog("ACK", 1)
        await failed(house, caller, contact, "session_expired")
        assert caller.requests("BYE")
        await bot.asked("BYE")


async def is_never_acknowledged(house: House) -> None:
    async with ends(house, UNHEARD) as (caller, bot, contact):
        bot.answer(await bot.asked("INVITE"), 200)
        await caller.answered("INVITE", 200)
        await failed(house, caller, contact, "no_ack")
        await bot.asked("BYE")


async def rings_unheard(house: House) -> None:
    async with ends(house, UNRUNG, "Supported: 100rel", "Require: 100rel") as (caller, bot, contact):
        bot.answer(await bot.asked("INVITE"), 180, "Ringing")
        await caller.answered("INVITE", 180)
        await failed(house, caller, contact, "no_prack")
        assert caller.answers("INVITE", 504)
        await bot.asked("CANCEL")


async def expires_at_the_voice_agent(house: House) -> None:
    async with ends(house, DYING) as (caller, bot, contact):
        answer = ("Require: timer", "Session-Expires: 90;refresher=uas")
        bot.answer(await bot.asked("INVITE"), 200, headers=answer)
        await caller.answered("INVITE", 200)
        caller.in_dialog("ACK", 1)
        await failed(house, caller, contact, "agent_lost")
        assert caller.requests("BYE"), "the contact centre did not take the caller"


REFUSALS = ((491, "Request Pending", ()), (500, "Later", ("Retry-After: 1",)))


def allowed(method: str) -> str:
    """Allow of a peer that takes a refresh by this method; without UPDATE it is re-INVITE (RFC 4028 7.4)."""
    return ", ".join(dict.fromkeys(("Allow: INVITE", "ACK", "BYE", "CANCEL", method)))


async def asked_again(
    end: HandCaller | HandVoiceAgent, method: str, already: list[WireMessage]
) -> WireMessage:
    """Wait for one more request of that method than these, and return it; a repeated one is no more."""
    known = {one.first("Via") for one in already}

    def more() -> list[WireMessage]:
        return [one for one in end.requests(method) if one.first("Via") not in known]

    found = await eventually(more, LONG, f"one more {method}")
    already.append(found[0])
    return found[0]


async def hangs_up_in_peace(
    house: House, caller: HandCaller, bot: HandVoiceAgent, contact: str, cseq: int = 2
) -> None:
    """The call is up, and ends as its caller wants."""
    caller.in_dialog("BYE", cseq)
    await caller.answered("BYE", 200)
    await bot.asked("BYE")
    await eventually(lambda: house.records.call(caller.call_id), what="a record")
    await house.signalled(contact, CONNECTED)


async def voice_agent_refuses_to_refresh(house: House, number: str, method: str) -> None:
    async with ends(house, number) as (caller, bot, contact):
        again = ("Require: timer", "Session-Expires: 90;refresher=uac")
        bot.answer(await bot.asked("INVITE"), 200, headers=(allowed(method), *again))
        await caller.answered("INVITE", 200)
        caller.in_dialog("ACK", 1)
        await bot.asked("ACK")
        asked = bot.requests(method)
        for status, text, headers in (*REFUSALS, (200, "OK", again)):
            refresh = await asked_again(bot, method, asked)
            bot.answer(refresh, status, text, headers=headers)
        if method == "INVITE":
            await eventually(lambda: acknowledged(bot, refresh), what="ACK of the refresh")
        await hangs_up_in_peace(house, caller, bot, contact)


async def caller_refuses_to_refresh(house: House, number: str, method: str) -> None:
    """Whose Call-ID it is not repeats after a 491 within 2 s (RFC 3261 section 14.1)."""
    timer = ("Supported: timer", "Session-Expires: 90;refresher=uas")
    async with ends(house, number, allowed(method), *timer) as (caller, bot, contact):
        caller.wire.on_request = None
        bot.answer(await bot.asked("INVITE"), 200)
        await caller.answered("INVITE", 200)
        caller.in_dialog("ACK", 1)
        asked: list[WireMessage] = []
        again = ("Require: timer", "Session-Expires: 90;refresher=uac")
        for status, text, headers in (*REFUSALS, (200, "OK", again)):
            refresh = await asked_again(caller, method, asked)
            sdp = offer(caller.rtp_port) if (status, method) == (200, "INVITE") else ""
            caller.answer(refresh, status, text, headers, sdp)
        if method == "INVITE":
            await eventually(lambda: acknowledged(caller, refresh), what="ACK of the refresh")
        await hangs_up_in_peace(house, caller, bot, contact)


async def both_re_invite(house: House) -> None:
    """A re-INVITE while our own waits for its answer is 491 (RFC 3261 section 14.2), and ours goes on."""
    timer = ("Supported: timer", "Session-Expires: 90;refresher=uas")
    async with ends(house, BOTH, allowed("INVITE"), *timer) as (caller, bot, contact):
        caller.wire.on_request = None
        bot.answer(await bot.asked("INVITE"), 200)
        await caller.answered("INVITE", 200)
        caller.in_dialog("ACK", 1)
        refresh = await asked_again(caller, "INVITE", [])
        caller.in_dialog("INVITE", 2, body=offer(caller.rtp_port))
        await caller.answered("INVITE", 491)
        again = ("Require: timer", "Session-Expires: 90;refresher=uac")
        caller.answer(refresh, 200, "OK", again, offer(caller.rtp_port))
        await eventually(lambda: acknowledged(caller, refresh), what="ACK of the refresh")
        await hangs_up_in_peace(house, caller, bot, contact, 3)


def acknowledged(end: HandCaller | HandVoiceAgent, invite: WireMessage) -> bool:
    """Whether an INVITE got its ACK."""
    number = invite.first("CSeq").split()[0]
    return any(ack.first("CSeq").split()[0] == number for ack in end.requests("ACK"))


@pytest.mark.timeout(280)
async def test_each_script_is_told_once_and_a_healthy_call_goes_on(house: House) -> None:
    since = house.watch()
    await asyncio.gather(
        expires_at_the_caller(house),
        is_never_acknowledged(house),
        rings_unheard(house),
        expires_at_the_voice_agent(house),
        voice_agent_refuses_to_refresh(house, BOT_UPDATE, "UPDATE"),
        voice_agent_refuses_to_refresh(house, BOT_INVITE, "INVITE"),
        caller_refuses_to_refresh(house, CALLER_UPDATE, "UPDATE"),
        caller_refuses_to_refresh(house, CALLER_INVITE, "INVITE"),
        both_re_invite(house),
    )
    assert since.moved("handoff_calls_total", end="failed") == 4
    assert since.moved("handoff_calls_total", end="caller") == 5
    assert since.moved("handoff_invites_total", result="no_prack") == 1
    assert since.moved("handoff_invites_total", result="answered") == 8
    await house.at_rest(40)
