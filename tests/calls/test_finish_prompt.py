# SPDX-License-Identifier: GPL-3.0-or-later
"""The voice agent finishes its sentence: the signal leaves once it is silent, or has spoken too long."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agent.simulators.g711 import RATE
from tests.calls.harness.asking import CONNECTED, PATH, ask, lines, told, voice_agent
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import Change, Plan
from tests.calls.harness.rtp import SILENCE
from tests.calls.harness.speech import speech
from tests.calls.harness.talk import CALLER_TONE, QUICKLY, Talk, talking
from tests.calls.harness.waiting import eventually

pytestmark = [pytest.mark.calls, pytest.mark.usefixtures("ahead")]

PROMPT, BOUNDED, LEFT, PATIENT = (f"999555034{last}" for last in range(4))
WAIT = 1.0
MEASURED = 0.1  # by how much the agent's clock of packets may run ahead of ours: its jitter buffer


@pytest.fixture(scope="module")
def change() -> Change:
    """Projects that wait for its words; but for acme-prompt a stop of this process is no end of them."""

    def add(plan: Plan) -> None:
        plan.add("acme-prompt", PROMPT, finish_prompt={"silence": f"{WAIT}s", "at_most": "60s"})
        plan.add("acme-bounded", BOUNDED, finish_prompt={"silence": "60s", "at_most": "2s"})
        plan.add("acme-patient", PATIENT, finish_prompt={"silence": "60s", "at_most": "120s"})
        plan.add_left("acme-left", LEFT, finish_prompt={"silence": "60s", "at_most": "120s"})

    return add


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Some seconds of speech without a long pause."""
    spoken = speech(
        tmp_path_factory.mktemp("speech"), "One moment I am putting you through to our billing team"
    )
    assert len(spoken) > 1.5 * RATE
    return spoken


@asynccontextmanager
async def _speaking(house: House, way: str, words: bytes, number: str = PROMPT) -> AsyncIterator[Talk]:
    """A call whose voice agent has begun to speak and then asked for a handoff."""
    contact = new_contact()
    async with talking(house, contact, number=number, **voice_agent(way, contact)) as talk:
        await talk.hear_each_other()
        await house.signalled(contact, CONNECTED)
        talk.mouth.say(words)
        await ask(talk, way)
        yield talk


def _signalled(talk: Talk) -> bool:
    return len(talk.house.cxone.signals(talk.contact)) > 1


async def _is_silent_first(talk: Talk) -> None:
    """The signal leaves no sooner than it may after the last word, and the voice agent's leg ends later.

    The last word before it: where this process stood still, the voice agent was silent, and it is right.
    """
    await eventually(lambda: _signalled(talk), what="the signal")
    received = talk.house.cxone.signals(talk.contact)[1]["received"]
    assert received - max(at for at in talk.mouth.spoken if at < received) > WAIT - MEASURED
    assert (await talk.bot.saw("BYE")).at > received


async def _goes_back(talk: Talk) -> None:
    await talk.bot.saw("BYE")
    await talk.bot.succeeds()
    talk.caller.cue()
    await talk.caller.succeeds()
    await talk.house.signalled(talk.contact, CONNECTED, told(talk.contact))
    await talk.house.ended(talk.caller, "handoff", "handoff")


@pytest.mark.parametrize("way", ["http", "refer", "info"])
async def test_the_signal_leaves_only_after_the_last_word(house: House, words: bytes, way: str) -> None:
    async with _speaking(house, way, words) as talk:
        state = f"{PATH}/acme-prompt/handoff_state?id={talk.contact}"
        await eventually(lambda: house.api("GET", state).status == 200, what="readable while it speaks")
        await _is_silent_first(talk)
        await _goes_back(talk)
    talk.story.in_order(("handoff begun",), ("handoff accepted",), ("agent  us → BYE",))


async def test_a_pause_between_words_is_not_the_end(house: House, words: bytes) -> None:
    pause = SILENCE * int(WAIT / 2 / 0.02)
    async with _speaking(house, "http", words[: RATE // 2] + (pause + words[: RATE // 4]) * 4) as talk:
        await _is_silent_first(talk)
        await _goes_back(talk)


async def test_a_voice_agent_whose_packets_stop_has_finished(house: House, words: bytes) -> None:
    async with _speaking(house, "http", words * 5) as talk:
        await talk.mouth.hush()
        await _goes_back(talk)


async def test_a_voice_agent_that_never_stops_is_waited_for_no_longer_than_at_most(
    house: House, words: bytes
) -> None:
    async with _speaking(house, "http", words * 20, BOUNDED) as talk:
        asked = talk.house.records.handoff(talk.call_id)
        await eventually(lambda: _signalled(talk), what="the signal")
        assert asked is not None
        assert house.cxone.signals(talk.contact)[1]["received"] - asked["asked"] > 2 - MEASURED
        assert not talk.mouth.through
        await _goes_back(talk)


async def test_the_signal_leaves_at_once_when_the_voice_agent_hangs_up_meanwhile(
    house: House, words: bytes
) -> None:
    async with talking(house, bot="asks_on_cue", number=LEFT, port=house.plan.second) as talk:
        await house.signalled(talk.contact, CONNECTED)
        talk.mouth.say(words * 20)
        talk.bot.cue("DO-REFER", f"Refer-To: <sip:billing@127.0.0.1:9>\r\n{lines(talk.contact)}")
        await talk.bot.saw("202 REFER")
        assert not _signalled(talk)
        talk.bot.cue()
        await talk.bot.succeeds()
        await house.signalled(talk.contact, CONNECTED, told(talk.contact))
        await talk.hears_comfort()
        talk.caller.cue()
        await talk.caller.succeeds()
    await house.ended(talk.caller, "handoff", "handoff")


async def test_nothing_is_signalled_when_the_caller_hangs_up_meanwhile(house: House, words: bytes) -> None:
    async with _speaking(house, "http", words * 20, PATIENT) as talk:
        await eventually(lambda: talk.mouth.hears(CALLER_TONE), QUICKLY)
        talk.caller.cue()
        await talk.caller.succeeds()
        await talk.bot.succeeds()
    await house.at_rest()
    assert house.cxone.accepted(talk.contact) == [CONNECTED]
    row = talk.row()
    assert [signal["state"] for signal in house.records.signals(row["call_id"])] == ["accepted", "cancelled"]


async def test_a_bye_with_headers_has_nothing_to_finish(house: House, words: bytes) -> None:
    async with _speaking(house, "bye", words * 20) as talk:
        await house.signalled(talk.contact, CONNECTED, told(talk.contact))
        talk.caller.cue()
        await talk.caller.succeeds()
    await house.ended(talk.caller, "handoff", "handoff")
