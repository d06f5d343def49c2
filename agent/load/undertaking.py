# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole load: what is there is found or started, warmed, loaded, measured, and judged."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import aiohttp

from agent.core.errors import AgentError
from agent.load.course import Course, End, figures
from agent.load.drive import Drive
from agent.load.gauge import Watch
from agent.load.jobs import Jobs, Route
from agent.load.limits import Judged, Limit, Source, judge
from agent.load.listener import Listener
from agent.load.outcome import Outcome
from agent.load.plan import Plan
from agent.load.run import ENDED_BY_THE_USER
from agent.load.scrape import Scraper
from agent.load.search import search
from agent.load.sipp import Sipp, require_sipp
from agent.load.stage import Stage
from agent.load.targets import Target, Transport, answering, permitted
from agent.load.usage import Watched, find
from agent.load.view import View

_WARM_RATE: Final = 20.0
_WARM_HOLD: Final = 1.0
_LONG_SECONDS: Final = 60.0
_HURRY_SECONDS: Final = 1.0
_IN_THE_WARM_UP: Final = f"{ENDED_BY_THE_USER} in the warm-up, whose calls do not count"
_OWN: Final = "an agent of its own on this machine"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done.

    Attributes:
        target: ``HOST:PORT`` that is loaded; None: an agent is started for it.
        owned: hosts beside this machine that may be loaded.
        number, token: of each call, where there is a target.
        answers_at: where SIPp plays the voice agent of a target; None: nobody does.
        metrics: URL of the agent's metrics, where there is a target.
        cpu_of: processes by name or number.
        scenario: the caller's, instead of the profile's.
        bounds, step: of a search, and the seconds of each of its steps; None: no search.
    """

    plan: Plan
    limits: tuple[Limit, ...]
    target: str | None = None
    transport: Transport = "udp"
    owned: frozenset[str] = frozenset()
    number: str = ""
    token: str = field(default="", repr=False)
    answers_at: tuple[str, int] | None = None
    metrics: str | None = None
    cpu_of: tuple[str, ...] = ()
    scenario: Path | None = None
    bounds: tuple[float, float] | None = None
    step: float = 0.0


def check(order: Order) -> None:
    """See whether the limits that the user named can be judged at all.

    Raises:
        AgentError: one can't.
    """
    own = order.target is None
    if not own and order.transport == "tcp" and order.plan.profile.media:
        raise AgentError(
            f"{order.plan.profile.name} goes over UDP only: a call of our own asks first where the "
            "target wants its audio, and speaks no TCP"
        )
    absent = {
        Source.METRICS: not own and order.metrics is None,
        Source.CPU: not own and order.metrics is None and not order.cpu_of,
        Source.LONG: order.plan.length < _LONG_SECONDS or order.bounds is not None,
        Source.NICE: not own,
        Source.AUDIO: not order.plan.profile.listens,
    }
    for limit in order.limits:
        if limit.asked and absent.get(limit.measure.source):
            raise AgentError(f"--limit {limit.text()} can't be judged: it needs {limit.measure.source.value}")


class Undertaking:
    """Carries one order out.

    Args:
        order: what is to be done.
        view: is told of all that happens.

    Attributes:
        placing: calls are placed from now on, so that there is something to report.
        errors: SIPp's own error log, which is kept beside the report.
    """

    def __init__(self, order: Order, view: View) -> None:
        self.placing = False
        self.errors = b""
        self._stop = asyncio.Event()
        self._order, self._view = order, view
        self._stage: Stage | None = None
        self._named: tuple[Watched, ...] = ()

    def stop(self) -> bool:
        """End the load with what there is. False if there is nothing yet, or it was asked before."""
        heeded = self.placing and not self._stop.is_set()
        self._stop.set()
        return heeded

    async def carry_out(self) -> Outcome:
        """Do it.

        Raises:
            AgentError: it could not begin.
        """
        check(self._order)
        await require_sipp()
        self._named = tuple(find(one) for one in self._order.cpu_of)
        async with AsyncExitStack() as ends:
            work = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="handoff-load-")))
            http = await ends.enter_async_context(aiohttp.ClientSession())
            if self._order.target is None:
                drive, where = await self._own(ends, work, http), _OWN
            else:
                drive, where = await self._theirs(ends, work, http, self._order.target)
            self.placing = True
            outcome = await self._done(drive, where)
            self.errors = drive.errors()
            return outcome

    async def _done(self, drive: Drive, where: str) -> Outcome:
        warm = await self._warm_up(drive)
        if self._stop.is_set():
            course = await self._asked_nice(replace(warm, end=End.INTERRUPTED, why=_IN_THE_WARM_UP))
            return Outcome(course, self._judged(course), where)
        return await (self._searched if self._order.bounds else self._ran)(drive, where)

    # -- what is loaded --------------------------------------------------------------------------------------

    async def _own(self, ends: AsyncExitStack, work: Path, http: aiohttp.ClientSession) -> Drive:
        order = self._order
        ramp, flood = order.plan.ramp, order.plan.profile.flood
        highest = max(ramp.first, ramp.last, *(order.bounds or (0.0,))) + flood
        self._view.say("starting a simulated CXone and an agent on this machine")
        stage = self._stage = await ends.enter_async_context(Stage(order.plan, highest, work, http))
        listener = await self._listened(ends, stage.target, *stage.measured)
        watched = (stage.watched, *self._named)
        watch = Watch(Scraper(stage.metrics, http), watched, listener)
        return self._drive(replace(stage.route, scenario=order.scenario), watch, work, stage.gone)

    async def _theirs(
        self, ends: AsyncExitStack, work: Path, http: aiohttp.ClientSession, named: str
    ) -> tuple[Drive, str]:
        order = self._order
        target = await permitted(named, order.transport, order.owned)
        scraper = Scraper(order.metrics, http) if order.metrics else None
        if scraper is not None:
            await scraper.now()
        self._view.say(f"{target} answers OPTIONS: {await answering(target)}")
        route = Route(target, order.number, order.token, answers_at=order.answers_at, scenario=order.scenario)
        voice_agent = await self._voice_agent(ends, route, work)
        if voice_agent is not None:
            route = replace(route, answers_at=None)
        contact = str(time.time_ns() // 1000)
        headers = (f"X-InContact-ContactId: {contact}", f"X-PolyAi-Auth-Token: {order.token}")
        listener = await self._listened(ends, target, order.number, headers)
        watch = Watch(scraper, self._named, listener)
        gone = voice_agent.gone if voice_agent is not None else lambda: None
        return self._drive(route, watch, work, gone), str(target)

    async def _voice_agent(self, ends: AsyncExitStack, route: Route, work: Path) -> Sipp | None:
        """The voice agent, where the measured call needs it before any run, and all the time."""
        job = Jobs(route).voice_agent(self._order.plan)
        if job is None or not self._order.plan.profile.listens:
            return None
        sipp = await Sipp.start(job, work)
        ends.push_async_callback(sipp.end)
        return sipp

    def _drive(self, route: Route, watch: Watch, work: Path, alive: Callable[[], str | None]) -> Drive:
        return Drive(route, watch, work, told=self._view.show, alive=alive, stop=self._stop)

    async def _listened(
        self, ends: AsyncExitStack, target: Target, number: str, headers: tuple[str, ...]
    ) -> Listener | None:
        if not self._order.plan.profile.listens:
            return None
        listener = Listener(target, number, headers, self._order.owned)
        ends.push_async_callback(listener.end)
        await listener.call()
        return listener

    # -- what is done ----------------------------------------------------------------------------------------

    async def _warm_up(self, drive: Drive) -> Course:
        """Place a few calls that do not count, so that tokens are fetched and caches filled.

        Raises:
            AgentError: none of them went well.
        """
        plan = self._order.plan
        calls = plan.profile.warm_up
        rate = min(_WARM_RATE, max(plan.ramp.first, plan.ramp.last))
        self._view.say(f"warming up with {calls} call{'s' * (calls > 1)}")
        warm = replace(plan.at(rate, calls / rate), hold=min(plan.hold, _WARM_HOLD))
        course = await drive.run(warm, "warm-up")
        if course.last.done or course.end is End.INTERRUPTED:
            return course
        reasons = [one.says for one in course.troubles] or list(course.reasons) or [course.why]
        raise AgentError(f"no call of the warm-up went well: {reasons[0] or 'SIPp says nothing of it'}")

    async def _ran(self, drive: Drive, where: str) -> Outcome:
        plan = self._order.plan
        self._view.say(f"{plan.profile.name}: {plan.ramp.text()} for {plan.length:g} s")
        course = await self._asked_nice(await drive.run(plan))
        return Outcome(course, self._judged(course), where)

    async def _searched(self, drive: Drive, where: str) -> Outcome:
        order = self._order
        bounds = order.bounds or order.plan.profile.search

        async def step(plan: Plan, name: str) -> Course:
            self._view.say(f"trying {plan.ramp.text()} for {plan.length:g} s")
            return await self._asked_nice(await drive.run(plan, name))

        found = await search(order.plan, bounds, order.step, step, self._judged)
        for one in found.steps:
            self._view.say(f"{one.rate:g}/s was {'clean' if one.clean else 'not clean'}")
        best = [one for one in found.steps if one.clean and one.rate == found.highest]
        shown = best[-1] if best else found.steps[-1]
        return Outcome(shown.course, shown.judged, where, found)

    async def _asked_nice(self, course: Course) -> Course:
        if self._stage is None or course.after is None or course.end is End.DIED:
            return course
        try:
            async with asyncio.timeout(_HURRY_SECONDS if self._stop.is_set() else None):
                return replace(course, nice=await self._stage.nice(course.after))
        except TimeoutError:
            return course

    def _judged(self, course: Course) -> tuple[Judged, ...]:
        return judge(self._order.limits, figures(course))
