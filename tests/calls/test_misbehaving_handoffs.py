# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers that break the rules of a handoff: the caller goes back all the same, and the agent stays up."""

from __future__ import annotations

import asyncio

import pytest

from tests.calls.harness.asking import CONNECTED, hand_off, handed_off, told, went_back
from tests.calls.harness.house import House
from tests.calls.harness.plan import VOICE_AGENT, Change, Plan
from tests.calls.harness.referring import ACTIVE, OK, TRYING, referred, tell
from tests.calls.harness.talk import queue, talking
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls

REFER, BRIDGE, FOLLY, HASTY = "9995550370", "9995550371", "9995550372", "9995550373"
FOLLIES = "misbehaving/voice_agents"


@pytest.fixture(scope="module")
def change() -> Change:
    """Two targets each, and a project that does not wait long for what becomes of a transfer."""

    def add(plan: Plan) -> None:
        two = plan.back(plan.queue, plan.overflow)
        plan.add("acme-refer-two", REFER, method="refer", targets=two)
        plan.add("acme-hasty", HASTY, method="refer", targets=two, transfer_timeout="1s")
        plan.add("acme-bridge-two", BRIDGE, method="bridge", targets=two)
        plan.add("acme-folly", FOLLY, method="bridge", targets=plan.back(plan.lost, plan.overflow))

    return add


# -- the voice agent's REFER -------------------------------------------------------------------------------

REFER_TOS = {
    "nothing": "",
    "half a URI": "<sip:",
    "a star": "*",
    "no SIP URI": "<mailto:ada@example.org>",
    "a call to be taken over": "<sip:x@127.0.0.1?Replaces=1%3Bto-tag%3D2%3Bfrom-tag%3D3>",
    "headers that break lines": "<sip:x@127.0.0.1?X-Handoff-Skill=1%0D%0AX-Evil%3A%201>",
    "bytes that are no text": "<sip:x@127.0.0.1?X-Handoff-Skill=%FF%FE%00>",
    "far too many headers": "<sip:x@127.0.0.1?" + "&".join(f"X-{n}={n}" for n in range(150)) + ">",
}


@pytest.mark.parametrize("name", REFER_TOS)
async def test_a_refer_that_names(house: House, name: str) -> None:
    async with queue(house) as third, talking(house, bot="asks_on_cue", number=BRIDGE) as talk:
        talk.bot.cue("DO-REFER", f"Refer-To: {REFER_TOS[name]}\r\nX-Handoff-Destination: billing")
        answer = await eventually(
            lambda: [m for m in talk.bot.messages() if not m.sent and m.answers == "REFER"],
            what="an answer to the REFER",
        )
        if answer[0].status == 202:
            await third.takes(talk)
            assert third.sipp.received("INVITE")[0].start_line.startswith("INVITE sip:queue@")
            assert not third.sipp.received("INVITE")[0].all("X-Evil")
            talk.caller.cue()
            await asyncio.gather(talk.caller.succeeds(), third.sipp.succeeds())
        else:
            assert answer[0].status == 400
            await talk.hear_each_other()
            talk.caller.cue()
            await asyncio.gather(talk.caller.succeeds(), talk.bot.succeeds())
    await house.at_rest()


# -- the contact centre's answers to ours ------------------------------------------------------------------


async def test_a_refer_that_is_answered_with_200_counts_as_accepted(house: House) -> None:
    since = house.watch()
    async with referred(house, REFER) as talk:
        talk.caller.cue("OLD-ACCEPT")
        tell(talk.caller, OK)
        await went_back(since, "refer")
        await talk.caller.saw("BYE")
        await talk.caller.succeeds()
        assert len(talk.caller.received("REFER")) == 1
    await handed_off(talk)


async def test_a_notify_that_overtakes_the_202_counts(house: House) -> None:
    since = house.watch()
    async with referred(house, REFER) as talk:
        tell(talk.caller, TRYING, ACTIVE)
        talk.caller.cue("ACCEPT")
        tell(talk.caller, OK)
        await went_back(since, "refer")
        await talk.caller.saw("BYE")
        await talk.caller.succeeds()
    await handed_off(talk)


@pytest.mark.parametrize("body", ["hello", "SIP/2.0 abc", "SIP/2.0", "SIP/2.0 99999 Too Much", "{}"])
async def test_a_notify_that_says_nothing_readable_ends_in_release(house: House, body: str) -> None:
    since = house.watch()
    async with referred(house, HASTY) as talk:
        talk.caller.cue("ACCEPT")
        tell(talk.caller, body, ACTIVE)
        await talk.caller.saw("BYE")
        await talk.caller.succeeds()
    await went_back(since, "release")
    await handed_off(talk)


async def test_a_refer_that_is_never_answered_ends_in_release(house: House) -> None:
    since = house.watch()
    async with referred(house, HASTY) as talk:
        await talk.hears_comfort()
        await talk.caller.saw("BYE")
        await talk.caller.succeeds()
    await went_back(since, "release")
    await handed_off(talk)


async def test_a_notify_without_a_refer_changes_nothing(house: House) -> None:
    async with talking(house, caller="is_referred") as talk:
        tell(talk.caller, OK)
        answer = await eventually(
            lambda: [m for m in talk.caller.messages() if m.answers == "NOTIFY"],
            what="an answer to the NOTIFY",
        )
        assert answer[0].status == 481
        await talk.hear_each_other()
        talk.caller.cue()
        await asyncio.gather(talk.caller.succeeds(), talk.bot.succeeds())
    await house.ended(talk.caller, "caller", "caller_hung_up")


# -- queues ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folly", ["answers_without_sdp", "answers_with_broken_sdp"])
async def test_the_overflow_takes_the_caller_when_the_queue(house: House, folly: str) -> None:
    async with (
        house.voice_agent(folly, port=house.plan.lost, folder=FOLLIES) as first,
        queue(house, port=house.plan.overflow) as third,
        talking(house, bot="answers", number=FOLLY) as talk,
    ):
        await hand_off(talk)
        await third.takes(talk)
        await first.succeeds()
        talk.caller.cue()
        await asyncio.gather(talk.caller.succeeds(), third.sipp.succeeds())
    await handed_off(talk)


async def test_a_queue_that_redirects_has_refused_and_is_not_followed(house: House) -> None:
    async with (
        house.voice_agent("silent", port=house.plan.second) as elsewhere,
        house.voice_agent(
            "redirects", port=house.plan.queue, refer_to=f"sip:x@{VOICE_AGENT}:{house.plan.second}"
        ) as first,
        queue(house, port=house.plan.overflow) as third,
        talking(house, bot="answers", number=BRIDGE) as talk,
    ):
        await hand_off(talk)
        await third.takes(talk)
        await first.succeeds()
        talk.caller.cue()
        await asyncio.gather(talk.caller.succeeds(), third.sipp.succeeds())
        assert not elsewhere.messages(), "not one packet"
    await handed_off(talk)


async def test_a_voice_agent_that_is_deaf_to_our_bye_does_not_hold_the_caller(house: House) -> None:
    async with (
        queue(house) as third,
        talking(house, bot="ignores_bye", number=BRIDGE, folder=FOLLIES) as talk,
    ):
        await hand_off(talk)
        await third.takes(talk)
        talk.caller.cue()
        await asyncio.gather(talk.caller.succeeds(), third.sipp.succeeds())
        await house.signalled(talk.contact, CONNECTED, told(talk.contact))
        await house.ended(talk.caller, "handoff", "handoff")
    await house.at_rest(45)
