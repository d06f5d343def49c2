# SPDX-License-Identifier: GPL-3.0-or-later
"""Notices when a voice agent has finished its words, from what arrives on its leg."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agent.sip.leg import Leg

_LOOK_SECONDS = 0.02  # a frame
_VOICE = 100  # mean amplitude, about -50 dB below full scale: above the noise floor of a synthetic voice


class PromptWatch:
    """Looks at the level of a leg frame by frame.

    Args:
        leg: the voice agent's.
        silence: how long it has to be without voice, in seconds. A leg that brings no RTP is silent too.
        finished: called once.
    """

    def __init__(self, leg: Leg, silence: float, finished: Callable[[], None]) -> None:
        self._leg = leg
        self._silence = silence
        self._finished = finished
        self._loop = asyncio.get_running_loop()
        self._spoke = self._loop.time()
        self._packets = leg.measure().received
        self._timer = self._loop.call_later(_LOOK_SECONDS, self._look)

    def end(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _look(self) -> None:
        now, packets = self._loop.time(), self._leg.measure().received
        if packets != self._packets and self._leg.level > _VOICE:
            self._spoke = now
        self._packets = packets
        if now - self._spoke >= self._silence:
            self._finished()
        else:
            self._timer = self._loop.call_later(_LOOK_SECONDS, self._look)
