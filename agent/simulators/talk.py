# SPDX-License-Identifier: GPL-3.0-or-later
"""The talk of a test call: wait for the greeting, speak, wait for the answer, press keys, hang up.

A voice agent that does not let us speak in quiet is spoken over, and asked once more where it fell quiet.
"""

from __future__ import annotations

import asyncio
import tempfile
import wave
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

from agent.core.echo import sent_back
from agent.core.errors import AgentError
from agent.core.synthetic import Order, Result
from agent.core.turns import Turns
from agent.simulators.numbered import Numbered
from agent.simulators.recorded import envelope, written
from agent.simulators.rtp import read
from agent.sip import events as sip
from agent.sip import tap
from agent.sip.leg import Leg
from agent.sip.players import Player, Recording
from agent.sip.traffic import Traffic

Next: TypeAlias = Callable[[Leg, float], Awaitable[sip.StackEvent | None]]
"""Gives the next event of a leg; None when there is none until a time of the loop."""

_LOOK_SECONDS: Final = 0.02
_DIGIT_SECONDS: Final = 0.4
_DIGIT_MILLISECONDS: Final = 160
_BYE_SECONDS: Final = 3.0


class Talk:
    """The talk of one call that is up.

    Args:
        order: what the test call is to do.
        speech: a PCM WAV file.
        informed: start lines of the INFOs that were sent, and of their answers, so far.

    Raises:
        AgentError: the speech can't be spoken.
    """

    def __init__(self, order: Order, speech: Path, informed: list[str]) -> None:
        self._order = order
        self._speech = speech
        self._seconds = _seconds(speech)
        self._informed = informed
        self._numbered = Numbered()

    async def hold(self, result: Result, leg: Leg, next_event: Next) -> Result:
        """Hold it, and end the call.

        Returns:
            The result, with what was heard.
        """
        loop = asyncio.get_running_loop()
        turns, said = Turns(loop.time()), Player(self._speech)
        with tempfile.TemporaryDirectory(prefix="handoff-test-call-") as folder:
            heard = Path(folder) / "heard.wav"
            leg.record(Recording(heard))  # the mixer looks at what somebody takes
            leg.tap(1)
            await self._listen(leg, turns, self._order.patience, lambda: turns.paused(loop.time()))
            await self._ask(leg, turns, said)
            if turns.talked_on and turns.paused(loop.time()):
                await self._ask(leg, turns, said)
            dtmf = await self._press(leg)
            leg.hang_up()
            self._count()
            traffic = leg.measure()
            while (event := await next_event(leg, loop.time() + _BYE_SECONDS)) is not None:
                if isinstance(event, sip.Ended):
                    traffic = event.traffic
                    break
            said.close()
            await written(heard)
            echo = sent_back(envelope(self._speech), envelope(heard))
        return self._told(replace(result, dtmf=dtmf, echo=echo), turns, traffic)

    async def _ask(self, leg: Leg, turns: Turns, said: Player) -> None:
        """Speak, and hear what comes of it."""
        loop = asyncio.get_running_loop()
        turns.speak()
        leg.hear(said)
        await self._listen(leg, turns, self._seconds, lambda: False)
        leg.hear(None)
        turns.spoke(loop.time())
        await self._listen(leg, turns, self._order.patience, lambda: turns.settled(loop.time()))

    async def _listen(self, leg: Leg, turns: Turns, seconds: float, enough: Callable[[], bool]) -> None:
        """Hear for so long, or until it is enough, or the far end has hung up."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until and leg.alive and not enough():
            turns.hear(loop.time(), leg.level)
            self._count()
            await asyncio.sleep(_LOOK_SECONDS)

    def _count(self) -> None:
        for tapped in tap.take():
            packet = None if tapped.sent or tapped.rtcp else read(tapped.data, 0.0)
            if packet is not None:
                self._numbered.take(packet)

    async def _press(self, leg: Leg) -> str:
        """Press the digits, and say how they went; what it says meanwhile answers no question."""
        digits = self._order.digits
        for digit in digits:
            leg.send_dtmf(digit, _DIGIT_MILLISECONDS)
            await asyncio.sleep(_DIGIT_SECONDS)
        if not digits:
            return ""
        if not any(line.startswith("INFO ") for line in self._informed):
            return "as telephone-event (RFC 4733)"
        answers = [line for line in self._informed if line.startswith("SIP/2.0 ")]
        return f"as INFO, answered {answers[-1].split()[1]}" if answers else "as INFO, not answered"

    def _told(self, result: Result, turns: Turns, traffic: Traffic) -> Result:
        traffic = replace(traffic, lost=max(traffic.lost, self._numbered.lost))
        return replace(
            result,
            first_audio=_rounded(turns.first_audio),
            response_gap=_rounded(turns.response_gap),
            talked_on=turns.talked_on,
            received=traffic.received,
            sent=traffic.sent,
            lost=traffic.lost,
            discarded=traffic.discarded,
            lost_by_peer=traffic.lost_by_peer,
            jitter=round(traffic.jitter, 6),
            round_trip=_rounded(traffic.round_trip),
            mos=traffic.mos,
        )


def _seconds(speech: Path) -> float:
    try:
        with wave.open(str(speech), "rb") as file:
            return file.getnframes() / file.getframerate()
    except (OSError, EOFError, wave.Error) as error:
        raise AgentError(f"{speech} can't be spoken: {error}; a PCM WAV file is needed") from None


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
