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
from tests.calls.harness.sip_socket import SipSocket
from tests.calls.harness.waiting import eventually

pytestmark = [pytest.mark.calls, pytest.mark.slow]

CONNECTED = {"p1": "Connected"}
LONG = 100.0
NUMBERS = {f"999555040{place}": f"127.0.4.{place}" for place in range(1, 7)}
EXPIRING, UNHEARD, UNRUNG, DYING, BUSY, BUSY_WITHOUT_UPDATE = NUMBERS
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


async def asked_again(bot: HandVoiceAgent, method: str, count: int) -> WireMessage:
    """Wait for so many requests of that method, and return the last of them."""
    await eventually(lambda: len(bot.requests(method)) >= count, LONG, f"{count} of {method}")
    return bot.requests(method)[-1]


async def refuses_to_refresh(house: House, number: str, method: str) -> None:
    """A peer that takes no UPDATE is asked by re-INVITE (RFC 4028 section 7.4)."""
    async with ends(house, number) as (caller, bot, contact):
        allow = ", ".join(dict.fromkeys(("Allow: INVITE", "ACK", "BYE", "CANCEL", method)))
        again = ("Require: timer", "Session-Expires: 90;refresher=uac")
        bot.answer(await bot.asked("INVITE"), 200, headers=(allow, *again))
        await caller.answered("INVITE", 200)
        caller.in_dialog("ACK", 1)
        await bot.asked("ACK")
        before = len(bot.requests(method))
        refusals = ((491, "Request Pending", ()), (500, "Later", ("Retry-After: 1",)), (200, "OK", again))
        for count, (status, text, headers) in enumerate(refusals, before + 1):
            refresh = await asked_again(bot, method, count)
            bot.answer(refresh, status, text, headers=headers)
        if method == "INVITE":
            await eventually(lambda: acknowledged(bot, refresh), what="ACK of the refresh")
        caller.in_dialog("BYE", 2)
        await caller.answered("BYE", 200)
        await bot.asked("BYE")
        row = await eventually(lambda: house.records.call(caller.call_id), what="a record")
        assert row is not None
        await house.signalled(contact, CONNECTED)


def acknowledged(bot: HandVoiceAgent, invite: WireMessage) -> bool:
    """Whether an INVITE got its ACK."""
    number = invite.first("CSeq").split()[0]
    return any(ack.first("CSeq").split()[0] == number for ack in bot.requests("ACK"))


@pytest.mark.timeout(280)
async def test_each_script_is_told_once_and_a_healthy_call_goes_on(house: House) -> None:
    since = house.watch()
    await asyncio.gather(
        expires_at_the_caller(house),
        is_never_acknowledged(house),
        rings_unheard(house),
        expires_at_the_voice_agent(house),
        refuses_to_refresh(house, BUSY, "UPDATE"),
        refuses_to_refresh(house, BUSY_WITHOUT_UPDATE, "INVITE"),
    )
    assert since.moved("handoff_calls_total", end="failed") == 4
    assert since.moved("handoff_calls_total", end="caller") == 2
    assert since.moved("handoff_invites_total", result="no_prack") == 1
    assert since.moved("handoff_invites_total", result="answered") == 5
    await house.at_rest(40)
