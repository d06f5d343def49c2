# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose audio is taken: a caller behind NAT is learned once, nobody speaks in a voice agent's place."""

from __future__ import annotations

import pytest

from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import VOICE_AGENT, Change, Plan
from tests.calls.harness.rtp import RtpPeer
from tests.calls.harness.talk import BOT_TONE, CALLER_TONE, QUICKLY, talking
from tests.calls.harness.waiting import eventually, throughout

pytestmark = pytest.mark.calls

STRANGER, STRANGERS_TONE, ANY_PORT = "127.0.0.9", 2300.0, 0


@pytest.fixture(scope="module")
def change() -> Change:
    """All callers are behind NAT."""

    def behind_nat(plan: Plan) -> None:
        for carrier in plan.carriers["carriers"].values():
            carrier["nat"] = True

    return behind_nat


async def test_nobody_speaks_or_hears_in_the_voice_agents_place(house: House) -> None:
    async with talking(house) as talk, RtpPeer(ANY_PORT, STRANGERS_TONE, STRANGER) as stranger:
        await talk.hear_each_other()
        await talk.mouth.hush()
        stranger.speak_to(talk.bot.received("INVITE")[0].audio_port)
        await throughout(
            1.0,
            lambda: not talk.phone.hears(STRANGERS_TONE, 5) and not stranger.packets,
            "a stranger is nobody",
        )
        talk.caller.cue()
        await talk.caller.succeeds()
        await talk.bot.succeeds()
    await house.at_rest()
    assert "from elsewhere dropped" in str(talk.story), "the story says what was not heard"


async def test_a_caller_behind_nat_is_heard_and_nobody_after_it(house: House) -> None:
    async with (
        house.voice_agent("on_cue") as agent,
        house.caller("on_cue", new_contact()) as caller,
        RtpPeer(agent.rtp_port, BOT_TONE, VOICE_AGENT) as mouth,
        RtpPeer(ANY_PORT, CALLER_TONE, "127.0.0.8") as behind,
        RtpPeer(ANY_PORT, STRANGERS_TONE, STRANGER) as stranger,
    ):
        port = (await caller.saw("200 INVITE")).audio_port
        mouth.speak_to((await agent.saw("INVITE")).audio_port)
        behind.speak_to(port)
        await eventually(lambda: behind.hears(BOT_TONE), QUICKLY, "the caller hears the voice agent")
        await eventually(lambda: mouth.hears(CALLER_TONE), QUICKLY, "the voice agent hears the caller")
        stranger.speak_to(port)
        await throughout(1.0, lambda: not stranger.packets, "a stranger hears nothing")
        assert mouth.hears(CALLER_TONE)
        caller.cue()
        await caller.succeeds()


async def test_whom_sdp_names_gets_its_place_back_by_speaking(house: House) -> None:
    async with (
        house.voice_agent("on_cue") as agent,
        house.caller("on_cue", new_contact()) as caller,
        RtpPeer(agent.rtp_port, BOT_TONE, VOICE_AGENT) as mouth,
        RtpPeer(caller.rtp_port, CALLER_TONE) as phone,
        RtpPeer(ANY_PORT, STRANGERS_TONE, STRANGER) as stranger,
    ):
        port = (await caller.saw("200 INVITE")).audio_port
        mouth.speak_to((await agent.saw("INVITE")).audio_port)
        stranger.speak_to(port)
        await eventually(lambda: mouth.hears(STRANGERS_TONE), QUICKLY, "whoever speaks first is taken for it")
        phone.speak_to(port)
        await eventually(lambda: phone.hears(BOT_TONE), QUICKLY, "the caller hears the voice agent")
        await eventually(lambda: mouth.hears(CALLER_TONE), QUICKLY, "the voice agent hears the caller")
        heard = len(stranger.packets)
        await throughout(1.0, lambda: len(stranger.packets) == heard, "the stranger hears nothing any more")
        caller.cue()
        await caller.succeeds()
