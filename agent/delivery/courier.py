# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivers what is durable in the outbox: the worker around `agent.core.delivery`, which decides.

It gives each signal its turn, carries out what the machine asks for and reports back what came of it.
Webhooks and transcripts go the same way on roads of their own: nothing that hangs there holds up a signal.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Final

from agent.core import delivery_events as on
from agent.core.delivery import Phase
from agent.core.errors import StorageError
from agent.core.lane import Lane
from agent.core.model.project import Project
from agent.core.moments import Moment, SignalState
from agent.core.records import Channel, Signal
from agent.delivery.carrying import Carrying
from agent.delivery.job import Job, LaneKey, Road, SignalEvent, road_of
from agent.delivery.parking import Parking
from agent.delivery.recording import STORAGE_RETRY, SignalStates
from agent.delivery.sending import Exchange, Poster, Sender, policy_of
from agent.delivery.store import Outbox
from agent.telemetry import logs

__all__ = ["Courier", "Poster", "Sender", "SignalEvent"]

IN_FLIGHT: Final = 256
"""Signals of one project at the same time; a tenant that hangs must not hold up the others."""
ASIDE_IN_FLIGHT: Final = 16
"""Webhooks of one project at the same time, and as many transcripts."""
ASIDE_HELD: Final = 1000
"""Webhooks of one project in memory, and as many transcripts; what is beyond waits on disk."""

_log = logs.logger("courier")


class Courier:
    """The worker. Used on the loop thread; `resume` comes before the first `begin`.

    Args:
        store: where each change of state is made durable.
        cxone: what sends signals.
        project_of: the project in force now, by account and name; None when it is configured no more.
        on_event: told on the loop of each change of state, once it is durable (or, when the storage is faulty
            and the fact can't be taken back, once it is known).
        clock: seconds since the epoch.
        chance: random numbers, 0 <= number < 1.
        in_flight: signals of one project at the same time.
        posters: what posts webhooks and transcripts.
        held: webhooks of one project in memory, and as many transcripts.
    """

    def __init__(
        self,
        store: Outbox,
        cxone: Sender,
        project_of: Callable[[str, str], Project | None],
        on_event: Callable[[SignalEvent], None],
        *,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
        in_flight: int = IN_FLIGHT,
        posters: Mapping[Channel, Poster] | None = None,
        held: int = ASIDE_HELD,
    ) -> None:
        self._store = store
        self._cxone = cxone
        self._project_of = project_of
        self._states = SignalStates(store, on_event)
        self._carrying = Carrying(self._states, clock)
        self._exchange = Exchange(cxone, posters or {}, self._carrying.written, clock, chance)
        self._clock = clock
        self._in_flight = in_flight
        self._slots: dict[Road, asyncio.Semaphore] = {}
        self._lanes: dict[LaneKey, Lane[Job]] = {}
        self._jobs: dict[str, Job] = {}
        self._counts: Counter[Channel] = Counter()
        self._parking = Parking(held)
        self._of_call: dict[str, list[Job]] = {}  # signals only
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pending(self) -> int:
        """Signals that are not settled yet."""
        return self._counts[Channel.SIGNAL]

    @property
    def pending_by_channel(self) -> dict[str, int]:
        """Entries of the outbox that are not settled yet, those that wait on disk included."""
        waiting = self._parking.waiting
        return {channel.value: self._counts[channel] + waiting[channel] for channel in Channel}

    def opening_state(self, project: Project, contact_id: str) -> SignalState:
        """The state in which a new signal of a contact is best recorded.

        ``sending`` when its request can leave as soon as the record is durable: then one commit serves both,
        and no second one stands between the moment and the first byte. Otherwise ``recorded``.
        """
        road = Channel.SIGNAL, project.account, project.project
        if self._closes_at is None and (*road, contact_id) not in self._lanes and self._can_leave(road):
            return SignalState.SENDING
        return SignalState.RECORDED

    def begin(self, signal: Signal) -> None:
        """Begin the delivery of an entry that is durable in the state that `opening_state` gave.

        A signal that is durable as ``sending`` leaves at once; where it can't after all, it is made
        ``recorded`` again before it waits. A webhook or transcript is durable as ``recorded``. While the
        courier closes nothing is begun: it is left to the next process, as ``recorded``.
        """
        if signal.signal_id in self._jobs:
            return
        job = Job(signal)
        if self._closes_at is not None:
            if (action := job.handle(on.ProcessEnds(self._clock()))) is not None:
                self._spawn(self._carrying.leave(job, action))
        elif self._admitted(signal):
            self._take(job)

    def cancel(self, call_id: str, moment: Moment | None = None) -> None:
        """Signals of a call, or that of one moment, are not wanted any more: the caller hung up, say.

        Those not on the wire are cancelled, durably. One on the wire is not tried again. Webhooks and
        transcripts go on: what they tell has happened.
        """
        for job in tuple(self._of_call.get(call_id, ())):
            if moment not in (None, job.signal.moment):
                continue
            job.handle(on.Withdrawn())
            job.wake.set()
            lane = self._lanes.get(job.lane)
            if job.aside is None and lane is not None and job is not lane.first:
                job.aside = self._spawn(self._aside(job, job.handle(on.Turn(self._clock()))))

    def withdraw(self, signal_id: str) -> None:
        """An operator cancelled a waiting signal on disk: it is not waited for any more."""
        job = self._jobs.get(signal_id)
        if job is None:
            return
        job.handle(on.SettledElsewhere())
        job.wake.set()
        lane = self._lanes.get(job.lane)
        if lane is not None and job is not lane.first:
            lane.remove(job)
            self._forget(job)

    async def resume(self) -> None:
        """Take over what an earlier process left, as `take_up` does.

        Raises:
            StorageError: what it left can't be read.
        """
        self.take_up(await self._store.pending())

    def take_up(self, signals: Iterable[Signal]) -> None:
        """Deliver what a process left that is gone; ``sending`` becomes ``unknown`` or follows policy."""
        for signal in signals:
            if signal.signal_id not in self._jobs and self._admitted(signal):
                self._take_up(signal)

    async def aclose(self, grace: float) -> None:
        """Let deliveries go on for ``grace`` seconds, then end.

        What waits stays ``recorded`` for the next process; what is on the wire even then is ``unknown``.
        """
        self._carrying.closes_at = self._clock() + grace
        for job in self._jobs.values():
            job.wake.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for job in tuple(self._jobs.values()):
            await self._carrying.leave(job, job.handle(on.ProcessEnds(self._clock())))
        await self._states.aclose()

    @property
    def _closes_at(self) -> float | None:
        return self._carrying.closes_at

    def _admitted(self, signal: Signal) -> bool:
        """Whether an entry is taken in hand now; one that is not waits on disk. Signals always are."""
        if signal.channel is Channel.SIGNAL:
            return True
        return self._parking.admit(road_of(signal), signal.signal_id)

    def _take_up(self, signal: Signal) -> None:
        policy = policy_of(self._project_of(signal.account, signal.project), signal.channel)
        job = Job(signal)
        self._take(job, job.handle(on.ProcessStarted(self._clock(), policy)))

    def _take(self, job: Job, action: on.Action | None = None) -> None:
        """Take an entry in hand; ``action`` is what its machine wants before its turn."""
        self._jobs[job.signal.signal_id] = job
        self._counts[job.signal.channel] += 1
        if job.signal.channel is Channel.SIGNAL:
            self._of_call.setdefault(job.signal.call_id, []).append(job)
        lane = self._lanes.get(job.lane)
        if lane is not None and action is None:
            action = job.handle(on.Held())
        if action is not None:
            job.aside = self._spawn(self._aside(job, action))
        if lane is None:
            lane = self._lanes[job.lane] = Lane()
            lane.add(job)
            self._spawn(self._run(lane, job.lane))
        else:
            lane.add(job)
            if (first := lane.first) is not None:
                first.wake.set()  # an arrival that rests may have become pointless

    def _spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _can_leave(self, road: Road) -> bool:
        """Whether a signal of a project need not wait for a slot, a token or the breaker."""
        project, slots = self._project_of(*road[1:]), self._slots.get(road)
        if project is None or (slots is not None and slots.locked()):
            return False
        return self._cxone.can_send_now(project)

    async def _run(self, lane: Lane[Job], key: LaneKey) -> None:
        """Deliver the entries of one lane, one after the other, in the order in which they were begun."""
        while (job := lane.first) is not None:
            try:
                await self._deliver(job)
            except Exception:  # noqa: BLE001 - the other signals of the contact must go on
                _log.exception("delivery broke", call_id=job.signal.call_id)  # the next process has it
            lane.remove(job)
        del self._lanes[key]

    async def _deliver(self, job: Job) -> None:
        if job.aside is not None:
            await job.aside
            job.aside = None
        road, is_signal = job.road, job.signal.channel is Channel.SIGNAL
        action: on.Action | None = on.Queue()
        if job.marked and not self._can_leave(road):
            action = job.handle(on.Held())
        slots = self._slots.get(road)
        if slots is None:
            slots = asyncio.Semaphore(self._in_flight if is_signal else ASIDE_IN_FLIGHT)
            self._slots[road] = slots
        while (action := await self._carrying.prepared(job, action)) is not None:
            async with slots:
                if self._closes_at is not None and not is_signal:
                    return  # there is time: the next process has it
                action = job.handle(on.Turn(self._clock()))
                if isinstance(action, on.Ask):
                    action = await self._exchange.run(job, self._project_of(*road[1:]))
        if job.phase is Phase.OVER:
            self._forget(job)

    async def _aside(self, job: Job, action: on.Action | None) -> None:
        """Carry out what a signal needs whose turn has not come; one that ends by it leaves the line."""
        await self._carrying.prepared(job, action)
        lane = self._lanes.get(job.lane)
        if job.phase is Phase.OVER and lane is not None and lane.first is not job:
            lane.remove(job)
            self._forget(job)

    def _forget(self, job: Job) -> None:
        signal = job.signal
        if self._jobs.pop(signal.signal_id, None) is None:
            return
        self._counts[signal.channel] -= 1
        if signal.channel is not Channel.SIGNAL:
            if (waiting := self._parking.leave(job.road)) is not None:
                self._spawn(self._fetch(job.road, waiting))
            return
        of_call = self._of_call[signal.call_id]
        of_call.remove(job)
        if not of_call:
            del self._of_call[signal.call_id]

    async def _fetch(self, road: Road, waiting: str | None) -> None:
        """Take in hand what waited on disk; what was settled meanwhile gives way to the next."""
        while waiting is not None and self._closes_at is None:
            try:
                signal = await self._store.signal(waiting)
            except StorageError:
                await asyncio.sleep(STORAGE_RETRY)
                continue
            if signal is not None and not signal.state.final and waiting not in self._jobs:
                self._take_up(signal)
                return
            waiting = self._parking.leave(road)
