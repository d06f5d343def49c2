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
        took: told of what goes wrong in a look: the place, the error. Such a leg counts as silent.
    """

    def __init__(
        self,
        leg: Leg,
        silence: float,
        finished: Callable[[], None],
        took: Callable[[str, Exception], None],
    ) -> None:
        self._leg = leg
        self._silence = silence
        self._finished = finished
        self._took = took
        self._loop = asyncio.get_running_loop()
        self._spoke = self._loop.time()
        self._packets = -1
        self._speaks()
        self._timer = self._loop.call_later(_LOOK_SECONDS, self._look)

    def end(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        if self._speaks():
            self._spoke = now
        if now - self._spoke >= self._silence:
            self._finished()
        else:
            self._timer = self._loop.call_later(_LOOK_SECONDS, self._look)

    def _speaks(self) -> bool:
        before = self._packets
        try:
            self._packets = self._leg.measure().received
            level = self._leg.level
        except Exception as error:  # noqa: BLE001 - the next look comes all the same
            self._took("watch", error)
            return False
        return self._packets != before and level > _VOICE
