# SPDX-License-Identifier: GPL-3.0-or-later
"""The running clocks of one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from agent.calls.timers import RunningTimer, Timers
from agent.core.actions import Timer
from agent.core.model import Limits, Project

RECORD_SECONDS: Final = 5.0
"""How long a caller hears only 100 Trying while its call is being recorded; a shorter `ring` counts."""


_SECONDS: Final[Mapping[Timer, Callable[[Limits, Project], float]]] = {
    Timer.RECORD: lambda limits, _: min(RECORD_SECONDS, limits.ring),
    Timer.RING: lambda limits, _: limits.ring,
    Timer.RESPONSE: lambda _, project: project.voice_agent.response_timeout,
    Timer.TRYING: lambda _, project: project.voice_agent.trying_timeout,
    Timer.DEADLINE: lambda _, project: project.handoff.deadline,
    Timer.PROMPT: lambda _, project: (
        project.handoff.finish_prompt.at_most if project.handoff.finish_prompt else 0.0
    ),
    Timer.TRANSFER: lambda _, project: project.handoff.transfer_timeout,
    Timer.REPEAT: lambda *_: 1.0,  # unless the answer says more
    Timer.WAIT_FOR_BYE: lambda _, project: project.handoff.wait_for_bye,
    Timer.DURATION: lambda limits, _: limits.duration,
}


class Clocks:
    """Starts and stops a call's timers; tells which one ran out.

    Args:
        limits: the node's limits, as the call began with them.
        project: the call's project.
        fired: called with a timer that ran out.
        timers: run them out.
    """

    def __init__(
        self, limits: Limits, project: Project, fired: Callable[[Timer], None], timers: Timers
    ) -> None:
        self._limits = limits
        self._project = project
        self._timers = timers
        self._fired = fired
        self._running: dict[Timer, RunningTimer] = {}

    def start(self, timer: Timer, seconds: float | None = None) -> None:
        """Start a timer, anew if it runs; for so many seconds, or as long as the settings say."""
        if timer in self._running:
            self.stop(timer)
        after = _SECONDS[timer](self._limits, self._project) if seconds is None else seconds
        self._running[timer] = self._timers.start(after, partial(self._ran_out, timer))

    def stop(self, timer: Timer) -> None:
        """Stop a timer, if it runs."""
        running = self._running.pop(timer, None)
        if running is not None:
            running.stop()

    def stop_all(self) -> None:
        """Stop all that run."""
        for running in self._running.values():
            running.stop()
        self._running.clear()

    def _ran_out(self, timer: Timer) -> None:
        del self._running[timer]
        self._fired(timer)
