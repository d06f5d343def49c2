# SPDX-License-Identifier: GPL-3.0-or-later
"""The caller is never without audio for more than 40 ms, on any way back and whatever fails, by the packets.

Neither may packets stay away, nor come with nothing in them: the other ends speak all the time, so silence
would be ours. Measured from the kernel's times of arrival on the caller's RTP socket, from the first packet
to the BYE. A busy machine can only add gaps: each path has five tries, and the best one counts. What the
agent itself leaves out is missing in all five.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from agent.simulators.g711 import FRAME
from tests.calls.harness.asking import lines, post, said
from tests.calls.harness.gaps import Continuity, continuity
from tests.calls.harness.house import House
from tests.calls.harness.plan import Change, Plan, soon
from tests.calls.harness.referring import OK, tell
from tests.calls.harness.talk import CALLER_TONE, QUICKLY, Queue, Talk, queue, talking
from tests.calls.harness.waiting import eventually

pytestmark = [pytest.mark.calls, pytest.mark.usefixtures("ahead")]

LIMIT = 0.040
TRIES = 5
RELEASE, KEEP, REFER, BRIDGE, LOST, PROMPT = (f"999555036{last}" for last in range(6))
LOUD, QUIET = b"\x10\x90" * (FRAME // 2), b"\x7b\xfb" * (FRAME // 2)  # a voice, and the room around it


@pytest.fixture(scope="module", params=["auto", "mix"])
def change(request: pytest.FixtureRequest) -> Change:
    """A project for each way back, with short times; its audio relayed where it can be, or always mixed."""

    def add(plan: Plan) -> None:
        plan.agent["media"]["mode"] = request.param
        two, lost = plan.back(plan.queue, plan.overflow), plan.back(plan.lost, plan.overflow)
        plan.projects["acme-care"]["handoff"] |= {"deadline": "1s", "wait_for_bye": "1s"}
        plan.projects["acme-care"]["signal_ttl"] = "4s"
        plan.add("acme-release", RELEASE)
        plan.add("acme-keep", KEEP, on_signal_failure="keep")
        plan.add("acme-to-refer", REFER, method="refer", targets=two, transfer_timeout="1s")
        plan.add("acme-to-bridge", BRIDGE, method="bridge", targets=two)
        soon(plan.add("acme-to-lost", LOST, method="bridge", targets=lost))
        plan.add("acme-prompt", PROMPT, finish_prompt={})

    return add


Play = Callable[[Talk], Awaitable[None]]
PATHS: dict[str, tuple[str, Play]] = {}
"""Each path by its name: the number that is called, and what happens until the caller's BYE."""


def path(name: str, number: str) -> Callable[[Play], Play]:
    """Add a path: from the moment at which both ends hear each other until the caller's BYE."""

    def add(play: Play) -> Play:
        PATHS[name] = (number, play)
        return play

    return add


async def _hand_off(talk: Talk) -> None:
    reply = await asyncio.to_thread(post, talk.house, talk.row()["project"], talk.contact)
    assert reply.status == 202, reply.text


async def _is_released(talk: Talk) -> None:
    """The voice agent leaves, comfort audio plays, CXone says BYE."""
    await talk.bot.saw("BYE")
    await talk.hears_comfort(30)
    talk.caller.cue()


async def _is_referred(talk: Talk) -> None:
    """The contact centre accepts the REFER."""
    await _hand_off(talk)
    await talk.caller.saw("REFER")
    talk.caller.cue("ACCEPT")


async def _is_bridged(talk: Talk, third: Queue) -> None:
    """The queue takes the caller, who hangs up then."""
    await _hand_off(talk)
    await third.takes(talk)
    talk.caller.cue()
    await third.sipp.succeeds()


def _fault(talk: Talk, **fault: object) -> None:
    talk.house.cxone.fault(signal={**fault, "contact_id": talk.contact})


# -- release -----------------------------------------------------------------------------------------------


@path("released, and CXone says BYE", RELEASE)
async def _cxone_takes_the_caller(talk: Talk) -> None:
    await _hand_off(talk)
    await _is_released(talk)


@path("released by BYE with headers, and we say BYE", RELEASE)
async def _the_voice_agent_leaves_first(talk: Talk) -> None:
    _fault(talk, mode="slow", seconds=0.5)
    talk.bot.cue("DO-BYE", lines(talk.contact))


@path("released at the deadline, with NICE down", RELEASE)
async def _nice_is_down(talk: Talk) -> None:
    _fault(talk, status=503)
    await _hand_off(talk)


@path("completed", RELEASE)
async def _self_service_is_done(talk: Talk) -> None:
    _fault(talk, mode="slow", seconds=0.5)
    talk.bot.cue()


@path("released after the last word", PROMPT)
async def _the_voice_agent_finishes(talk: Talk) -> None:
    talk.mouth.say(LOUD * 25 + QUIET * 200)
    await _hand_off(talk)
    await _is_released(talk)


# -- keep --------------------------------------------------------------------------------------------------


@path("kept, and the voice agent hangs up", KEEP)
async def _kept(talk: Talk) -> None:
    _fault(talk, status=404)
    talk.bot.cue("DO-INFO", json.dumps(said(talk.contact)), type="application/json")
    await talk.bot.saw("INFO")
    talk.mouth.packets.clear()
    await eventually(lambda: talk.mouth.hears(CALLER_TONE), QUICKLY, "the voice agent still hears the caller")
    talk.bot.cue()


@path("kept, and given back after all", KEEP)
async def _accepted_late(talk: Talk) -> None:
    _fault(talk, mode="slow", seconds=1.6)
    talk.bot.cue("DO-REFER", f"Refer-To: <sip:billing@127.0.0.1:9>\r\n{lines(talk.contact)}")
    await _is_released(talk)


# -- refer -------------------------------------------------------------------------------------------------


@path("referred, and taken", REFER)
async def _transferred(talk: Talk) -> None:
    await _is_referred(talk)
    await talk.hears_comfort(30)
    tell(talk.caller, OK)  # our BYE follows at once: the caller is elsewhere


@path("referred in vain: refused, then refused again", REFER)
async def _nobody_wants_the_caller(talk: Talk) -> None:
    await _is_referred(talk)
    tell(talk.caller, "SIP/2.0 503 Service Unavailable")
    await talk.caller.saw("REFER", 2)
    talk.caller.cue("DECLINE")


@path("referred, and nothing is heard of it", REFER)
async def _unheard(talk: Talk) -> None:
    await _is_referred(talk)


# -- bridge ------------------------------------------------------------------------------------------------


@path("bridged, until the queue hangs up", BRIDGE)
async def _bridged(talk: Talk) -> None:
    async with queue(talk.house) as third:
        await _hand_off(talk)
        await third.takes(talk)
        third.sipp.cue()
        await third.sipp.succeeds()


@path("bridged to the overflow: the queue is busy", BRIDGE)
async def _bridged_to_the_second(talk: Talk) -> None:
    house = talk.house
    async with (
        house.voice_agent("busy", port=house.plan.queue),
        queue(house, port=house.plan.overflow) as third,
    ):
        await _is_bridged(talk, third)


@path("bridged to the overflow: the queue is silent", LOST)
async def _bridged_after_silence(talk: Talk) -> None:
    async with queue(talk.house, port=talk.house.plan.overflow) as third:
        await _is_bridged(talk, third)


@path("bridged in vain: no queue answers", BRIDGE)
async def _nobody_answers(talk: Talk) -> None:
    house = talk.house
    async with (
        house.voice_agent("busy", port=house.plan.queue),
        house.voice_agent("unavailable", port=house.plan.overflow),
    ):
        await _hand_off(talk)
        await talk.caller.saw("BYE")


# -- the measurement ---------------------------------------------------------------------------------------


async def _measure(house: House, number: str, play: Play) -> Continuity:
    """Play a path once and measure what the caller heard."""
    async with talking(house, caller="is_referred", bot="asks_on_cue", number=number) as talk:
        await talk.hear_each_other()
        await eventually(lambda: house.cxone.accepted(talk.contact), what="the arrival signal")
        await play(talk)
        await talk.caller.succeeds()
        bye = (talk.caller.received("BYE") + talk.caller.sent("BYE"))[0]
        heard = continuity(talk.phone.packets, bye.at)
    house.cxone.heal()
    return heard


@pytest.mark.parametrize("name", PATHS)
async def test_the_caller_is_never_without_audio_when(house: House, name: str) -> None:
    tries: list[Continuity] = []
    while len(tries) < TRIES:
        heard = await _measure(house, *PATHS[name])
        tries.append(heard)
        assert heard.packets > 50, f"that proves nothing: {heard}"
        if max(heard.longest, heard.leap, heard.mute) <= LIMIT and not heard.lost:
            return
    pytest.fail("each time:\n" + "\n".join(map(str, tries)))
