# SPDX-License-Identifier: GPL-3.0-or-later
"""One run under way: a sample a second, and a sure end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from agent.load.course import End, Sample
from agent.load.gauge import Gauge
from agent.load.jobs import GRACE_SECONDS
from agent.load.plan import Plan
from agent.load.sipp import Sipp

_HURRY_SECONDS: Final = 3.0
_LATE_SECONDS: Final = 0.2  # SIPp writes its counts a second after its start, and then every second
_LAST_SECONDS: Final = 1.0  # in which calls may begin that were held up
ENDED_BY_THE_USER: Final = "ended by the user"


class Run:
    """A run under way.

    Args:
        plan: what it does.
        caller, flood, voice_agent: its SIPp processes, which run.
        gauge: takes its samples.
        told: given each sample.
        alive: says who else has ended that should not have, or None.
        stop: set when the user wants an end.

    Attributes:
        began: seconds since the epoch.
        samples: those taken so far.
    """

    def __init__(
        self,
        plan: Plan,
        caller: Sipp,
        *,
        flood: Sipp | None,
        voice_agent: Sipp | None,
        gauge: Gauge,
        told: Callable[[Plan, Sample], None],
        alive: Callable[[], str | None],
        stop: asyncio.Event,
    ) -> None:
        self.plan, self.caller, self.flood = plan, caller, flood
        self.began, self._start = time.time(), time.monotonic()
        self.samples: list[Sample] = []
        self._voice_agent, self._gauge = voice_agent, gauge
        self._told, self._alive, self._stop = told, alive, stop
        self._ending = False

    async def to_its_end(self) -> tuple[End, str]:
        """Sample until it is over. Returns how it ended and why."""
        calling = asyncio.ensure_future(self._calls_are_over())
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            end, why = await self._watched(calling, stopping)
            if end is not End.DONE:
                await self._sample()
                self._ending = True
                await self._hurry(calling)
        finally:
            calling.cancel()
            stopping.cancel()
        await self._sample()
        return end, why

    async def _watched(self, calling: asyncio.Future[None], stopping: asyncio.Future[Any]) -> tuple[End, str]:
        while not calling.done():
            await self._next(calling, stopping)
            if why := self._gone():
                return End.DIED, why
            if stopping.done():
                return End.INTERRUPTED, ENDED_BY_THE_USER
            if self._elapsed() > self.plan.length + self.plan.hold + GRACE_SECONDS:
                return End.DIED, f"calls were still up {GRACE_SECONDS:g} s after the last should have ended"
        if why := self._gone():
            return End.DIED, why
        return End.DONE, ""

    def _gone(self) -> str | None:
        """Who has ended that should not have."""
        for one in (self.caller, self.flood, self._voice_agent):
            if one is not None and (why := one.gone()):
                return why
        return self._alive()

    async def _calls_are_over(self) -> None:
        await self.caller.wait()
        if self.flood is not None:
            self.flood.begin_no_more()
            await self.flood.wait()

    async def _next(self, *until: asyncio.Future[Any]) -> None:
        """Wait until the next sample is due, or something of it has happened; take the sample."""
        due = (len(self.samples) + 1) * self.plan.every + _LATE_SECONDS
        await asyncio.wait(until, timeout=max(0.0, due - self._elapsed()), return_when="FIRST_COMPLETED")
        if any(one.done() for one in until):
            return
        now = self._elapsed()
        if now >= self.plan.length + _LAST_SECONDS and not self._ending:
            self._ending = True
            self.caller.begin_no_more()
        elif self.plan.ramp.changes and not self._ending:
            self.caller.set_rate(self.plan.ramp.at(now + self.plan.every / 2))
        await self._sample()

    async def _sample(self) -> None:
        now = self._elapsed()
        rate = 0.0 if self._ending else self.plan.ramp.at(now)
        sample = await self._gauge.sample(now, rate, self.caller, self.flood)
        self.samples.append(sample)
        self._told(self.plan, sample)

    async def _hurry(self, calling: asyncio.Future[None]) -> None:
        """Begin no more; calls that do not end soon by themselves are ended with a BYE each."""
        soon = _HURRY_SECONDS if self.plan.hold < _HURRY_SECONDS else 0.0
        for seconds in (soon, _HURRY_SECONDS):
            for one in (self.caller, self.flood):
                if one is not None and one.running:
                    one.begin_no_more()
            await asyncio.wait({calling}, timeout=seconds)

    def _elapsed(self) -> float:
        return time.monotonic() - self._start
