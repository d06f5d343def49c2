# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivers durable signals to NICE: the worker around `agent.core.delivery`, which decides.

It gives each signal its turn, carries out what the machine asks for and reports back what came of it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Final

from agent.core import delivery_events as on
from agent.core.delivery import Phase
from agent.core.errors import StorageError
from agent.core.lane import Lane
from agent.core.model.project import Project
from agent.core.moments import SignalState
from agent.core.records import Signal
from agent.delivery.job import Contact, Job, SignalEvent
from agent.delivery.recording import STORAGE_RETRY, Recording
from agent.delivery.sending import Exchange, Sender, policy_of
from agent.delivery.store import Outbox
from agent.telemetry import logs

__all__ = ["Courier", "Sender", "SignalEvent"]

IN_FLIGHT: Final = 256
"""Requests of one project at the same time; a tenant that hangs must not hold up the others."""

_log = logs.logger("courier")


class Courier:
    """The worker. Used on the loop thread; `resume` comes before the first `begin`.

    Args:
        store: where each change of state is made durable.
        cxone: what sends.
        project_of: the project in force now, by account and name; None when it is configured no more.
        on_event: told on the loop of each change of state, once it is durable (or, when the storage is faulty
            and the fact can't be taken back, once it is known).
        clock: seconds since the epoch.
        chance: random numbers, 0 <= number < 1.
        in_flight: requests of one project at the same time.
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
    ) -> None:
        self._store = store
        self._cxone = cxone
        self._project_of = project_of
        self._recording = Recording(store, on_event)
        self._exchange = Exchange(cxone, self._written, clock, chance)
        self._clock = clock
        self._in_flight = in_flight
        self._slots: dict[tuple[str, str], asyncio.Semaphore] = {}
        self._lanes: dict[Contact, Lane[Job]] = {}
        self._jobs: dict[str, Job] = {}
        self._of_call: dict[str, list[Job]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closes_at: float | None = None

    @property
    def pending(self) -> int:
        """Signals that are not settled yet."""
        return len(self._jobs)

    def opening_state(self, project: Project, contact_id: str) -> SignalState:
        """The state in which a new signal of a contact is best recorded.

        ``sending`` when its request can leave as soon as the record is durable: then one commit serves both,
        and no second one stands between the moment and the first byte. Otherwise ``recorded``.
        """
        key = project.account, project.project
        if self._closes_at is None and (*key, contact_id) not in self._lanes and self._can_leave(key):
            return SignalState.SENDING
        return SignalState.RECORDED

    def begin(self, signal: Signal) -> None:
        """Begin the delivery of a signal that is durable in the state that `opening_state` gave.

        One that is durable as ``sending`` leaves at once; where it can't after all, it is made ``recorded``
        again before it waits. While the courier closes nothing is begun: the signal is left to the next
        process, as ``recorded``.
        """
        if signal.signal_id in self._jobs:
            return
        job = Job(signal)
        if self._closes_at is None:
            self._take(job)
        elif (action := job.handle(on.ProcessEnds(self._clock()))) is not None:
            self._spawn(self._leave(job, action))

    def cancel(self, call_id: str) -> None:
        """The caller hung up: signals of the call that are not on the wire are cancelled, durably.

        One on the wire is not tried again.
        """
        for job in tuple(self._of_call.get(call_id, ())):
            job.handle(on.Withdrawn())
            job.wake.set()
            if job.aside is None and job is not self._lanes[job.contact].first:
                job.aside = self._spawn(self._aside(job, job.handle(on.Turn(self._clock()))))

    def withdraw(self, signal_id: str) -> None:
        """An operator cancelled a waiting signal on disk: it is not waited for any more."""
        job = self._jobs.get(signal_id)
        if job is None:
            return
        job.handle(on.SettledElsewhere())
        job.wake.set()
        if job is not self._lanes[job.contact].first:
            self._lanes[job.contact].remove(job)
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
            if signal.signal_id not in self._jobs:
                policy = policy_of(self._project_of(signal.account, signal.project))
                job = Job(signal)
                self._take(job, job.handle(on.ProcessStarted(self._clock(), policy)))

    async def aclose(self, grace: float) -> None:
        """Let deliveries go on for ``grace`` seconds, then end.

        What waits stays ``recorded`` for the next process; what is on the wire even then is ``unknown``.
        """
        self._closes_at = self._clock() + grace
        for job in self._jobs.values():
            job.wake.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for job in tuple(self._jobs.values()):
            await self._leave(job, job.handle(on.ProcessEnds(self._clock())))
        await self._recording.aclose()

    def _take(self, job: Job, action: on.Action | None = None) -> None:
        """Take a signal in hand; ``action`` is what its machine wants before its turn."""
        self._jobs[job.signal.signal_id] = job
        self._of_call.setdefault(job.signal.call_id, []).append(job)
        lane = self._lanes.get(job.contact)
        if lane is not None and action is None:
            action = job.handle(on.Held())
        if action is not None:
            job.aside = self._spawn(self._aside(job, action))
        if lane is None:
            lane = self._lanes[job.contact] = Lane()
            lane.add(job)
            self._spawn(self._run(lane, job.contact))
        else:
            lane.add(job)
            if (first := lane.first) is not None:
                first.wake.set()  # an arrival that rests may have become pointless

    def _spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _can_leave(self, key: tuple[str, str]) -> bool:
        """Whether a request of a project need not wait for a slot, a token or the breaker."""
        project, slots = self._project_of(*key), self._slots.get(key)
        if project is None or (slots is not None and slots.locked()):
            return False
        return self._cxone.can_send_now(project)

    async def _run(self, lane: Lane[Job], contact: Contact) -> None:
        """Deliver the signals of one contact, one after the other, in the order in which they were begun."""
        while (job := lane.first) is not None:
            try:
                await self._deliver(job)
            except Exception:  # noqa: BLE001 - the other signals of the contact must go on
                _log.exception("delivery broke", call_id=job.signal.call_id)  # the next process has it
            lane.remove(job)
        del self._lanes[contact]

    async def _deliver(self, job: Job) -> None:
        if job.aside is not None:
            await job.aside
            job.aside = None
        key = job.signal.account, job.signal.project
        action: on.Action | None = on.Queue()
        if job.marked and not self._can_leave(key):
            action = job.handle(on.Held())
        slots = self._slots.setdefault(key, asyncio.Semaphore(self._in_flight))
        while (action := await self._prepared(job, action)) is not None:
            async with slots:
                action = job.handle(on.Turn(self._clock()))
                if isinstance(action, on.Ask):
                    action = await self._exchange.run(job, self._project_of(*key))
        if job.phase is Phase.OVER:
            self._forget(job)

    async def _aside(self, job: Job, action: on.Action | None) -> None:
        """Carry out what a signal needs whose turn has not come; one that ends by it leaves the line."""
        await self._prepared(job, action)
        lane = self._lanes.get(job.contact)
        if job.phase is Phase.OVER and lane is not None and lane.first is not job:
            lane.remove(job)
            self._forget(job)

    async def _prepared(self, job: Job, action: on.Action | None) -> on.Action | None:
        """Carry out what a machine asks for until it waits for its turn; None when it never will again."""
        while not isinstance(action, on.Queue):
            match action:
                case on.Write():
                    action = await self._written(job, action)
                case on.Rest():
                    action = await self._rested(job, action.until)
                case on.Settle():
                    await self._recording.settle(job.signal, action.attempt)
                    return None
                case _:
                    return None
        return action

    async def _written(self, job: Job, action: on.Action | None) -> on.Action | None:
        """Write what the machine wants written, if it does, and tell of it; gives what it wants next."""
        if isinstance(action, on.Write):
            signal = job.signal
            try:
                if not await self._recording.write(signal.signal_id, action.state, action.attempt):
                    return job.handle(on.SettledElsewhere())
            except StorageError as error:
                return job.handle(on.NotWritten(self._clock(), str(error), STORAGE_RETRY))
            attempt, action = action.attempt, job.handle(on.Written(self._clock()))
            if job.signal.state is SignalState.RECORDED or isinstance(action, on.Send):
                self._recording.tell(job.signal, attempt)
        elif isinstance(action, on.Send) and not action.again:
            self._recording.tell(job.signal)
        return action

    async def _rested(self, job: Job, until: float) -> on.Action | None:
        """Wait; None when the courier closes first: the signal is left to the next process."""
        if self._closes_at is not None and until >= self._closes_at:
            return None
        job.wake.clear()
        try:
            async with asyncio.timeout(until - self._clock()):
                await job.wake.wait()
        except TimeoutError:
            return job.handle(on.Rested(self._clock()))
        return job.handle(on.Woken(self._clock()))

    async def _leave(self, job: Job, action: on.Action | None) -> None:
        """Write down how a signal stands that this process will not deliver; once, for there is no time."""
        match action:
            case on.Settle():
                await self._recording.settle(job.signal, action.attempt)
                self._forget(job)
            case on.Write():
                await self._written(job, action)

    def _forget(self, job: Job) -> None:
        self._jobs.pop(job.signal.signal_id, None)
        of_call = self._of_call.get(job.signal.call_id, [])
        if job in of_call:
            of_call.remove(job)
        if not of_call:
            self._of_call.pop(job.signal.call_id, None)
