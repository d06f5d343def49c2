# SPDX-License-Identifier: GPL-3.0-or-later
"""How the simulated voice agent behaves: one manner that hears, and those that test calls must find out."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import Final

from agent.core.turns import LOUD, PAUSE_SECONDS
from agent.sip.leg import Leg
from agent.sip.players import Player

_LOOK_SECONDS: Final = 0.02
_HEARD_SECONDS: Final = 0.2
"""Spoken to for so long, it stops: a click is no word."""


class Manner(StrEnum):
    """What it does while a call is up."""

    TALKS = "talks"
    LISTENS = "listens"
    DEAF = "deaf"
    SILENT = "silent"
    ECHOES = "echoes"


TOLD: Final = {
    Manner.TALKS: "speaks on and on, whatever it hears",
    Manner.LISTENS: "greets, stops when it is spoken to, answers when the caller has spoken",
    Manner.DEAF: "greets once, and reacts to nothing",
    Manner.SILENT: "hears, and says nothing",
    Manner.ECHOES: "sends back what it hears",
}


async def behave(manner: Manner, leg: Leg, speech: Player | None, seconds: float) -> None:
    """Behave so until the leg ends; cancel it to have the voice agent do something else.

    Args:
        manner: how.
        leg: recorded already, so that its loudness is known.
        speech: what it says.
        seconds: how long that takes once.
    """
    match manner:
        case Manner.TALKS:
            leg.hear(speech)
        case Manner.ECHOES:
            leg.hear(leg)
        case Manner.DEAF:
            leg.hear(speech)
            await asyncio.sleep(seconds)
            leg.hear(None)
        case Manner.LISTENS:
            while leg.alive:
                await _say(leg, speech, seconds)
                await _until_spoken_to(leg)
        case Manner.SILENT:
            pass


async def _say(leg: Leg, speech: Player | None, seconds: float) -> None:
    """Speak once, or until somebody speaks."""
    loop = asyncio.get_running_loop()
    until, heard = loop.time() + seconds, 0.0
    leg.hear(speech)
    while leg.alive and loop.time() < until and heard < _HEARD_SECONDS:
        await asyncio.sleep(_LOOK_SECONDS)
        heard += _LOOK_SECONDS if leg.level >= LOUD else 0.0
    leg.hear(None)


async def _until_spoken_to(leg: Leg) -> None:
    """Wait until somebody has spoken and is quiet."""
    loop = asyncio.get_running_loop()
    last: float | None = None
    while leg.alive and (last is None or loop.time() - last < PAUSE_SECONDS):
        await asyncio.sleep(_LOOK_SECONDS)
        last = loop.time() if leg.level >= LOUD else last
