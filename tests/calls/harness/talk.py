# SPDX-License-Identifier: GPL-3.0-or-later
"""A call with audio from each end, and the queue that takes the caller over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import CARE, VOICE_AGENT
from tests.calls.harness.records import Row
from tests.calls.harness.rtp import RtpPeer
from tests.calls.harness.sipp import Sipp
from tests.calls.harness.story import Story
from tests.calls.harness.waiting import eventually

CALLER_TONE, BOT_TONE, QUEUE_TONE = 1000.0, 440.0, 1700.0
QUICKLY = 30.0


@dataclass
class Talk:
    """Two ends that talk to each other through the agent.

    Attributes:
        caller, bot: what each end signals.
        phone, mouth: what each end hears and says.
    """

    house: House
    contact: str
    caller: Sipp
    bot: Sipp
    phone: RtpPeer
    mouth: RtpPeer

    @property
    def call_id(self) -> str:
        """The agent's own id of the call."""
        return self.bot.received("INVITE")[0].header("X-Call-Id")

    @property
    def story(self) -> Story:
        """The agent's time line of the call."""
        return self.house.story(self.call_id)

    async def hear_each_other(self) -> None:
        """Wait until each end hears the other."""
        await eventually(lambda: self.phone.hears(BOT_TONE), QUICKLY, "the caller hears the voice agent")
        await eventually(lambda: self.mouth.hears(CALLER_TONE), QUICKLY, "the voice agent hears the caller")

    async def hears_comfort(self, packets: int = 15) -> None:
        """Wait until so many packets, the newest that the caller got, are not the voice agent's.

        Not for so many more: by the time that a test looks, the caller may have heard all that there was.
        """
        await eventually(
            lambda: len(self.phone.packets) >= packets and not self.phone.hears_a_peer(packets),
            QUICKLY,
            "comfort audio",
        )

    def row(self) -> Row:
        """The record of the call as it is now."""
        row = self.house.records.call(self.caller.call_id)
        assert row is not None
        return row


@asynccontextmanager
async def talking(
    house: House,
    contact: str = "",
    caller: str = "on_cue",
    bot: str = "on_cue",
    *,
    number: str = CARE,
    headers: str | None = None,
    **options: Any,  # noqa: ANN401 - those of House.voice_agent
) -> AsyncIterator[Talk]:
    """A call with a tone from each end, up when this is entered.

    Args:
        house: the agent and its neighbours.
        contact: the contact id; a new one if empty.
        caller: the caller's scenario.
        bot: the voice agent's scenario.
        number: the number that is dialled.
        headers: lines of the caller's INVITE instead of the usual ones.
        options: more for the voice agent, such as what it says when it asks.
    """
    contact = contact or new_contact()
    async with (
        house.voice_agent(bot, **options) as agent,
        house.caller(caller, contact, number=number, headers=headers) as phone,
        RtpPeer(phone.rtp_port, CALLER_TONE) as ear,
        RtpPeer(agent.rtp_port, BOT_TONE, VOICE_AGENT) as mouth,
    ):
        ear.speak_to((await phone.saw("200 INVITE")).audio_port)
        mouth.speak_to((await agent.saw("INVITE")).audio_port)
        yield Talk(house, contact, phone, agent, ear, mouth)
        if not phone.running and house.agent.running and "misbehaving" not in agent.scenario:
            # Who leaves without an answer to our BYE has the agent repeat it for 32 s.
            await eventually(lambda: not agent.running, what="the voice agent's end of the call")


@dataclass
class Queue:
    """Where a caller goes back to: SIPp at a target's port, with an ear and a voice of its own."""

    sipp: Sipp
    ear: RtpPeer

    async def takes(self, talk: Talk) -> None:
        """Wait until the queue has answered and it and the caller hear each other."""
        self.ear.speak_to((await self.sipp.saw("INVITE")).audio_port)
        await eventually(lambda: talk.phone.hears(QUEUE_TONE), QUICKLY, "the caller hears the queue")
        await eventually(lambda: self.ear.hears(CALLER_TONE), QUICKLY, "the queue hears the caller")


@asynccontextmanager
async def queue(
    house: House, scenario: str = "on_cue", port: int = 0, folder: str = "functional/voice_agents"
) -> AsyncIterator[Queue]:
    """A queue at the first target's port, or at another."""
    async with (
        house.voice_agent(scenario, port=port or house.plan.queue, folder=folder) as sipp,
        RtpPeer(sipp.rtp_port, QUEUE_TONE, VOICE_AGENT) as ear,
    ):
        yield Queue(sipp, ear)
