# SPDX-License-Identifier: GPL-3.0-or-later
"""Notices when a voice agent has finished its words, from what arrives on its leg."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from agent.core.model.handoff import FinishPrompt
from agent.core.sides import Side
from agent.sip.leg import Leg

_LOOK_SECONDS = 0.02  # a frame
_HEARD_SECONDS = 0.05  # what one look can say of the time before it: where the loop stood, nobody listened
_VOICE = 100  # mean amplitude, about -50 dB below full scale: above the noise floor of a synthetic voice


class PromptWatch:
    """Looks at the level of the voice agent's leg frame by frame.

    Args:
        settings: how long it has to be without voice; None where nobody waits for that. A leg that brings
            no RTP is silent too.
        legs: the call's legs, as they are when the watch begins.
        finished: called once each time.
        took: told of what goes wrong in a look: the place, the error. Such a leg counts as silent.
    """

    def __init__(
        self,
        settings: FinishPrompt | None,
        legs: Mapping[Side, Leg],
        finished: Callable[[], None],
        took: Callable[[str, Exception], None],
    ) -> None:
        self._settings = settings
        self._legs = legs
        self._finished = finished
        self._took = took
        self._loop = asyncio.get_running_loop()
        self._looked = 0.0
        self._silent = 0.0
        self._packets = -1
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Start to look, if there is a leg to look at."""
        leg = self._legs.get(Side.AGENT)
        if self._settings is None or leg is None:
            return
        self._looked, self._silent = self._loop.time(), 0.0
        self._packets = -1
        self._speaks(leg)
        self._timer = self._loop.call_later(_LOOK_SECONDS, self._look, leg, self._settings.silence)

    def end(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, leg: Leg, silence: float) -> None:
        now = self._loop.time()
        since, self._looked = min(now - self._looked, _HEARD_SECONDS), now
        self._silent = 0.0 if self._speaks(leg) else self._silent + since
        if self._silent >= silence:
            self._finished()
        else:
            self._timer = self._loop.call_later(_LOOK_SECONDS, self._look, leg, silence)

    def _speaks(self, leg: Leg) -> bool:
        before = self._packets
        try:
            self._packets = leg.measure().received
            level = leg.level
        except Exception as error:  # noqa: BLE001 - the next look comes all the same
            self._took("watch", error)
            return False
        return self._packets != before and level > _VOICE
