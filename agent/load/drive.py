# SPDX-License-Identifier: GPL-3.0-or-later
"""One run: SIPp on both ends as the plan says, a sample a second, and a sure end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from agent.core.errors import AgentError
from agent.load.course import Course, End, Sample
from agent.load.gauge import Gauge, Watch
from agent.load.plan import Plan
from agent.load.ports import Ports
from agent.load.scrape import Metrics
from agent.load.sipp import NORMAL, SCENARIOS, Job, Sipp
from agent.load.targets import Target
from agent.load.words import Trouble, troubles
from agent.simulators.g711 import RATE, encode

_GRACE_SECONDS: Final = 40.0
"""A call that hangs is given up by SIPp itself after its last retransmission (32 s, RFC 3261 section 17)."""
_HURRY_SECONDS: Final = 3.0
_REST_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.2
_LATE_SECONDS: Final = 0.2  # SIPp writes its counts a second after its start, and then every second
_LAST_SECONDS: Final = 1.0  # in which calls may begin that were held up
_DIGITS: Final = 8
_KEPT_BYTES: Final = 1_000_000
_TONE: Final = (19, 7)  # samples of a period: nothing that a silence detector takes for silence


@dataclass(frozen=True, slots=True)
class Route:
    """Whom the calls are for.

    Attributes:
        target: where they are sent.
        number: what they dial; `nobody` is a number in no map, for a flood.
        token: the connector token, perhaps empty.
        answers_at: where SIPp is the voice agent; None where another one answers.
        scenario: the caller's, instead of the profile's.
    """

    target: Target
    number: str
    token: str = field(default="", repr=False)
    nobody: str = "0000000000"
    answers_at: tuple[str, int] | None = None
    scenario: Path | None = None


Told = Callable[[Plan, Sample], None]


class Drive:
    """Makes runs, one after another, each with SIPp processes of its own.

    Args:
        route: whom the calls are for.
        watch: what is looked at besides.
        folder: where SIPp's files go.
        told: given each sample.
        alive: says who has ended that should not have, or None.
        stop: set when the user wants an end.
    """

    def __init__(
        self,
        route: Route,
        watch: Watch,
        folder: Path,
        *,
        told: Told,
        alive: Callable[[], str | None],
        stop: asyncio.Event,
    ) -> None:
        self.watch = watch
        self.stop = stop
        self._route, self._folder, self._told, self._alive = route, folder, told, alive
        self._source = source_towards(route.target)
        self._ports = Ports(self._source)
        self._runs = 0
        self._prefix = str(int(time.time()) % 10**_DIGITS).zfill(_DIGITS)

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
            voice_agent = await self._started(ends, self._voice_agent(plan), folder)
            caller = await self._started(ends, self._caller(plan), folder)
            assert caller is not None  # noqa: S101 - for the type checker: there is always a caller
            flood = await self._started(ends, self._flood(plan), folder)
            gauge = Gauge(self.watch, before)
            run = _Run(plan, self, caller, flood=flood, voice_agent=voice_agent, gauge=gauge)
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

    def gone(self, *processes: Sipp | None) -> str | None:
        """Who has ended that should not have."""
        for one in processes:
            if one is not None and not one.running and one.code not in NORMAL:
                return f"SIPp ({one.job.name}) ended with {one.code}: {one.complaint()}"
        return self._alive()

    def tell(self, plan: Plan, sample: Sample) -> None:
        """Tell of a sample."""
        self._told(plan, sample)

    async def at_rest(self, before: Metrics | None) -> tuple[Metrics | None, int | None]:
        """Wait, not long, until the agent has no call and no signal under way; the metrics then.

        Returns:
            The metrics, and how many calls more than before are up still.
        """
        left: int | None = None
        metrics: Metrics | None = None
        until = time.monotonic() + _REST_SECONDS
        while True:
            metrics = await self._metrics() or metrics
            if metrics is None:
                return None, None
            left = max(0, round(metrics.since(before, "handoff_calls_active")))
            busy = left or metrics.since(before, "handoff_signals_pending") > 0
            if not busy or time.monotonic() > until or self._alive():
                return metrics, left
            await asyncio.sleep(_LOOK_SECONDS)

    async def _metrics(self) -> Metrics | None:
        return await self.watch.scraper.perhaps() if self.watch.scraper else None

    async def _started(self, ends: contextlib.AsyncExitStack, job: Job | None, folder: Path) -> Sipp | None:
        if job is None:
            return None
        if job.target is not None and self._profile_media(job):
            own = folder / job.name
            own.mkdir(parents=True)
            (own / "speech.wav").write_bytes(tone())
        sipp = await Sipp.start(job, folder)
        ends.push_async_callback(sipp.end)
        return sipp

    @staticmethod
    def _profile_media(job: Job) -> bool:
        return "-mp" in job.options

    async def _course(self, run: _Run, before: Metrics | None, end: End, why: str) -> Course:
        after, left = await self.at_rest(before)
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

    # -- what each SIPp does ---------------------------------------------------------------------------------

    def _caller(self, plan: Plan) -> Job:
        media = plan.profile.media and self._route.scenario is None
        options = ("-mp", str(self._ports.several(2 * plan.at_once + 4).low)) if media else ()
        scenario = self._route.scenario or SCENARIOS / plan.profile.scenario
        return self._calling("callers", scenario, plan, self._route.number, options)

    def _flood(self, plan: Plan) -> Job | None:
        if not plan.profile.flood:
            return None
        rate = plan.profile.flood
        flood = plan.at(rate, plan.length)
        room = max(plan.at_once, round(rate * 2))
        job = self._calling("flood", SCENARIOS / "caller_refused.xml", flood, self._route.nobody, ())
        return replace(job, at_once=room, hold=0.0)

    def _calling(self, name: str, scenario: Path, plan: Plan, number: str, options: tuple[str, ...]) -> Job:
        prefix = f"{self._prefix}{self._runs:02}"
        return Job(
            name=name,
            scenario=scenario,
            address=self._source,
            port=self._ports.one(),
            control=self._ports.one(),
            target=self._route.target,
            rate=plan.ramp.at(0.0) or 0.001,
            calls=plan.calls,
            at_once=plan.at_once,
            hold=plan.hold,
            keys=(("number", number), ("contact_prefix", prefix), ("rtp_port", "9")),
            secrets=(("token", self._route.token),),
            options=options,
            seconds=plan.length + plan.hold + 2 * _GRACE_SECONDS,
        )

    def _voice_agent(self, plan: Plan) -> Job | None:
        if self._route.answers_at is None:
            return None
        address, port = self._route.answers_at
        ports = Ports(address)
        media = plan.profile.media
        return Job(
            name="voice-agent",
            scenario=SCENARIOS / plan.profile.voice_agent,
            address=address,
            port=port,
            control=ports.one(),
            hold=plan.hold if "hands_off" in plan.profile.voice_agent else 0.0,
            keys=(("rtp_port", "9"),),
            options=("-rtp_echo", "-mp", str(ports.several(4).low)) if media else (),
        )


class _Run:
    """A run under way."""

    def __init__(
        self,
        plan: Plan,
        drive: Drive,
        caller: Sipp,
        *,
        flood: Sipp | None,
        voice_agent: Sipp | None,
        gauge: Gauge,
    ) -> None:
        self.plan, self.caller, self.flood = plan, caller, flood
        self.began, self._start = time.time(), time.monotonic()
        self.samples: list[Sample] = []
        self._drive, self._voice_agent, self._gauge = drive, voice_agent, gauge
        self._ending = False

    async def to_its_end(self) -> tuple[End, str]:
        """Sample until it is over. Returns how it ended and why."""
        end, why = End.DONE, ""
        calling = asyncio.ensure_future(self._calls_are_over())
        stopping = asyncio.ensure_future(self._drive.stop.wait())
        try:
            while not calling.done():
                await self._next(calling, stopping)
                if why := self._drive.gone(self.caller, self.flood, self._voice_agent) or "":
                    end = End.DIED
                    break
                if stopping.done():
                    end, why = End.INTERRUPTED, "ended by the user"
                    break
                if self._elapsed() > self.plan.length + self.plan.hold + _GRACE_SECONDS:
                    why = f"calls were still up {_GRACE_SECONDS:g} s after the last should have ended"
                    end = End.DIED
                    break
            if end is not End.DONE:
                await self._sample()
                await self._hurry(calling)
            elif why := self._drive.gone(self.caller, self.flood, self._voice_agent) or "":
                end = End.DIED
        finally:
            calling.cancel()
            stopping.cancel()
        if end is End.DONE:
            await self._sample()
        return end, why

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
        self._drive.tell(self.plan, sample)

    async def _hurry(self, calling: asyncio.Future[None]) -> None:
        """Begin no more, then end the calls that are up with a BYE each."""
        for _ in range(2):
            for one in (self.caller, self.flood):
                if one is not None and one.running:
                    one.begin_no_more()
            await asyncio.wait({calling}, timeout=_HURRY_SECONDS)

    def _elapsed(self) -> float:
        return time.monotonic() - self._start


def source_towards(target: Target) -> str:
    """The address of this machine that packets to a target leave from.

    Raises:
        AgentError: there is no way there.
    """
    family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((target.address, target.port))
        except OSError as error:
            raise AgentError(f"there is no way to {target}: {error.strerror}") from None
        return str(probe.getsockname()[0])


def tone() -> bytes:
    """Two seconds of u-law audio that no silence detector takes for silence."""
    first, second = _TONE
    samples = array(
        "h", (6000 * (1 if n % first < first // 2 else -1) + 2000 * (n % second - 3) for n in range(2 * RATE))
    )
    return encode(samples)
