# SPDX-License-Identifier: GPL-3.0-or-later
"""What is heard: tones from either end, measured where they arrive."""

from __future__ import annotations

import pytest

from agent.simulators.g711 import FRAME
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import VOICE_AGENT, Change, Plan
from tests.calls.harness.rtp import EVENT, RtpPeer
from tests.calls.harness.talk import BOT_TONE, CALLER_TONE, QUICKLY, talking
from tests.calls.harness.waiting import eventually

pytestmark = [pytest.mark.calls, pytest.mark.usefixtures("ahead")]


@pytest.fixture(scope="module")
def change() -> Change:
    """A short silence timeout."""

    def shorten(plan: Plan) -> None:
        plan.agent["media"]["silence_timeout"] = "3s"

    return shorten


async def test_each_end_hears_the_other(house: House) -> None:
    async with talking(house) as talk:
        await talk.hear_each_other()
        assert len({packet.source for packet in talk.phone.packets}) == 1, "one stream, one SSRC"
        talk.caller.cue()
        await talk.caller.succeeds()
    await house.at_rest()


@pytest.mark.parametrize(("digit", "frames"), [(5, 5), (11, 30)])
async def test_dtmf_crosses_the_bridge_and_keeps_its_length(house: House, digit: int, frames: int) -> None:
    async with talking(house) as talk:
        await eventually(lambda: talk.mouth.hears(CALLER_TONE), QUICKLY, "the voice agent hears the caller")
        await talk.phone.press(digit, frames)
        await eventually(
            lambda: [packet for packet in talk.mouth.packets if packet.payload_type == EVENT],
            QUICKLY,
            "RFC 4733 events at the voice agent",
        )
        events = [packet.payload for packet in talk.mouth.packets if packet.payload_type == EVENT]
        assert {event[0] for event in events} == {digit}
        await eventually(
            lambda: any(p.payload[1] & 0x80 for p in talk.mouth.packets if p.payload_type == EVENT),
            QUICKLY,
            "the event's end",
        )
        last = [p.payload for p in talk.mouth.packets if p.payload_type == EVENT and p.payload[1] & 0x80][-1]
        assert int.from_bytes(last[2:4], "big") == frames * FRAME, "timestamp units"
        talk.caller.cue()
        await talk.caller.succeeds()


async def test_early_media_is_heard_before_the_answer(house: House) -> None:
    async with (
        house.voice_agent("early_media", talk=1500) as agent,
        house.caller("early_media") as caller,
        RtpPeer(caller.rtp_port, CALLER_TONE) as phone,
        RtpPeer(agent.rtp_port, BOT_TONE, VOICE_AGENT) as mouth,
    ):
        phone.speak_to((await caller.saw("183 INVITE")).audio_port)
        mouth.speak_to((await agent.saw("INVITE")).audio_port)
        await caller.succeeds()
        answered = caller.received("200 INVITE")[0].at
        assert phone.hears(BOT_TONE, until=answered), "the caller heard the greeting"


async def test_media_that_is_lost_is_told_to_the_script_and_ends_the_call(house: House) -> None:
    contact = new_contact()
    since = house.watch()
    async with talking(house, contact) as talk:
        await eventually(lambda: talk.mouth.hears(CALLER_TONE), QUICKLY, "the voice agent hears the caller")
        await talk.mouth.hush()
        await talk.bot.saw("BYE")
        await talk.caller.succeeds()
        await talk.bot.succeeds()
    await house.signalled(contact, {"p1": "Connected"}, {"p1": "Escalate", "p3": "media_lost"})
    await house.ended(talk.caller, "failed", "media_lost")
    assert since.moved("handoff_calls_total", end="failed") == 1


async def test_audio_that_never_comes_is_lost_as_well(house: House) -> None:
    contact = new_contact()
    async with house.voice_agent("on_cue") as bot, house.caller("on_cue", contact) as caller:
        await caller.saw("BYE")
        await caller.succeeds()
        await bot.succeeds()
    await house.ended(caller, "failed", "media_lost")
    await house.signalled(contact, {"p1": "Connected"}, {"p1": "Escalate", "p3": "media_lost"})


async def test_a_call_with_audio_outlives_the_silence_timeout(house: House) -> None:
    async with talking(house) as talk:
        await eventually(lambda: len(talk.phone.packets) > 4.5 * 50, what="4.5 seconds of audio")
        assert talk.phone.hears(BOT_TONE)
        talk.caller.cue()
        await talk.caller.succeeds()
