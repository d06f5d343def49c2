# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs, one after another: SIPp on both ends as the plan says, then what is left of it all."""

from __future__ import annotations

import asyncio
import contextlib
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent.load.course import Course, End, Sample
from agent.load.gauge import Gauge, Watch
from agent.load.jobs import SPEECH, Jobs, Route, tone
from agent.load.plan import Plan
from agent.load.run import ENDED_BY_THE_USER, Run
from agent.load.scrape import Metrics
from agent.load.sipp import Job, Sipp
from agent.load.words import Trouble, troubles

_REST_SECONDS: Final = 10.0
_STOPPED_REST_SECONDS: Final = 2.0  # the user waits for the prompt
_LOOK_SECONDS: Final = 0.2
_KEPT_BYTES: Final = 1_000_000


class Drive:
    """Makes runs, one after another, each with SIPp processes of its own.

    Args:
        route: whom the calls are for.
        watch: what is looked at besides.
        folder: where SIPp's files go.
        told: given each sample.
        alive: says who has ended that should not have, or None.
        stop: set when the user wants an end.

    Raises:
        AgentError: there is no way to the target.
    """

    def __init__(
        self,
        route: Route,
        watch: Watch,
        folder: Path,
        *,
        told: Callable[[Plan, Sample], None],
        alive: Callable[[], str | None],
        stop: asyncio.Event,
    ) -> None:
        self._jobs = Jobs(route)
        self._watch, self._folder, self._told, self._alive = watch, folder, told, alive
        self._stop = stop
        self._runs = 0

    async def run(self, plan: Plan, name: str = "run") -> Course:
        """Carry a plan out. It ends when its calls are over, when `stop` is set, or when somebody is gone.

        Raises:
            AgentError: SIPp can't be started.
        """
        self._runs += 1
        folder = self._folder / f"{self._runs:02}-{name}"
        folder.mkdir()
        before = await self._metrics()
        async with contextlib.AsyncExitStack() as ends:
            voice_agent = await self._perhaps(ends, self._jobs.voice_agent(plan), folder)
            caller = await self._started(ends, self._jobs.callers(plan, self._runs), folder)
            flood = await self._perhaps(ends, self._jobs.flood(plan, self._runs), folder)
            run = Run(
                plan, caller, flood=flood, voice_agent=voice_agent, gauge=Gauge(self._watch, before),
                told=self._told, alive=self._alive, stop=self._stop,
            )  # fmt: skip
            end, why = await run.to_its_end()
            if end is not End.INTERRUPTED and (error := caller.could_not_begin()):
                raise error
        return await self._course(run, before, end, why)

    def errors(self) -> bytes:
        """SIPp's own log of what went wrong in the newest run, as far as it is kept."""
        for path in sorted(self._folder.glob(f"{self._runs:02}-*/callers/errors.log")):
            with path.open("rb") as file:
                return file.read(_KEPT_BYTES)
        return b""

    async def _at_rest(self, before: Metrics | None) -> tuple[Metrics | None, int | None]:
        """Wait, not long, until the agent has no call and no signal under way; the metrics then.

        Returns:
            The metrics, and how many calls more than before are up still.
        """
        metrics: Metrics | None = None
        began = time.monotonic()
        while True:
            metrics = await self._metrics() or metrics
            if metrics is None:
                return None, None
            left = max(0, round(metrics.since(before, "handoff_calls_active")))
            busy = left or metrics.since(before, "handoff_signals_pending") > 0
            longest = _STOPPED_REST_SECONDS if self._stop.is_set() else _REST_SECONDS
            if not busy or time.monotonic() - began > longest or self._alive():
                return metrics, left
            await asyncio.sleep(_LOOK_SECONDS)

    async def _metrics(self) -> Metrics | None:
        return await self._watch.scraper.perhaps() if self._watch.scraper else None

    async def _perhaps(self, ends: contextlib.AsyncExitStack, job: Job | None, folder: Path) -> Sipp | None:
        return await self._started(ends, job, folder) if job is not None else None

    async def _started(self, ends: contextlib.AsyncExitStack, job: Job, folder: Path) -> Sipp:
        if job.streams:
            own = folder / job.name
            own.mkdir(parents=True)
            (own / SPEECH).write_bytes(tone())
        sipp = await Sipp.start(job, folder)
        ends.push_async_callback(sipp.end)
        return sipp

    async def _course(self, run: Run, before: Metrics | None, end: End, why: str) -> Course:
        after, left = await self._at_rest(before)
        if end is End.DONE and left and self._stop.is_set():
            end, why = End.INTERRUPTED, ENDED_BY_THE_USER  # who did not wait can't judge what is left
        run.caller.times.read()
        found: list[Trouble] = list(troubles(run.caller.errors()))
        if run.flood is not None:
            found += [Trouble(f"flood: {one.says}", one.times) for one in troubles(run.flood.errors())]
        return Course(
            plan=run.plan,
            began=run.began,
            end=end,
            why=why,
            samples=tuple(run.samples),
            when=array("d", run.caller.times.when),
            waited=array("d", run.caller.times.waited),
            reasons=run.caller.counts().reasons,
            troubles=tuple(found),
            before=before,
            after=after,
            leftovers=left,
        )
