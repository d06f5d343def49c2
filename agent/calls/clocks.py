# SPDX-License-Identifier: GPL-3.0-or-later
"""The running clocks of one call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from agent.core.events import Timer
from agent.core.model import Limits, Project

RECORD_SECONDS: Final = 5.0
"""How long a caller hears only 100 Trying while its call is being recorded; a shorter `ring` counts."""


class Clocks:
    """Starts and stops a call's timers; tells which one ran out.

    Args:
        limits: the node's limits, as the call began with them.
        project: the call's project.
        fired: called with a timer that ran out.
    """

    def __init__(self, limits: Limits, project: Project, fired: Callable[[Timer], None]) -> None:
        handoff = project.handoff
        self._seconds = {
            Timer.RECORD: min(RECORD_SECONDS, limits.ring),
            Timer.RING: limits.ring,
            Timer.RESPONSE: project.voice_agent.response_timeout,
            Timer.TRYING: project.voice_agent.trying_timeout,
            Timer.DEADLINE: handoff.deadline,
            Timer.PROMPT: handoff.finish_prompt.at_most if handoff.finish_prompt else 0.0,
            Timer.TRANSFER: handoff.transfer_timeout,
            Timer.REPEAT: 1.0,  # unless the answer says more
            Timer.WAIT_FOR_BYE: handoff.wait_for_bye,
            Timer.DURATION: limits.duration,
        }
        self._fired = fired
        self._running: dict[Timer, asyncio.TimerHandle] = {}

    def start(self, timer: Timer, seconds: float | None = None) -> None:
        """Start a timer, anew if it runs; for so many seconds, or as long as the settings say."""
        if timer in self._running:
            self.stop(timer)
        loop = asyncio.get_running_loop()
        after = self._seconds[timer] if seconds is None else seconds
        self._running[timer] = loop.call_later(after, self._ran_out, timer)

    def stop(self, timer: Timer) -> None:
        """Stop a timer, if it runs."""
        handle = self._running.pop(timer, None)
        if handle is not None:
            handle.cancel()

    def _ran_out(self, timer: Timer) -> None:
        del self._running[timer]
        self._fired(timer)
