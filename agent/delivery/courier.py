# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivers durable signals to NICE: in order per contact, once, and with an end for each of them.

A signal is made ``sending`` on disk just before its first byte may leave, and ``recorded`` again before a
retry is waited for. So a process that dies leaves ``sending`` exactly where nobody can know what became of
the request; the next one settles that as ``unknown`` and does not repeat it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Final

from agent.core.errors import StorageError
from agent.core.model.project import Project
from agent.core.moments import SignalState
from agent.core.records import Attempt, Signal
from agent.cxone.answers import Outcome
from agent.delivery.job import Job, Lane, SignalEvent
from agent.delivery.recording import STORAGE_RETRY, Recording
from agent.delivery.rules import RetryAt, given_up, next_step
from agent.delivery.sending import Sender, try_once
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
        self._clock = clock
        self._chance = chance
        self._in_flight = in_flight
        self._slots: dict[tuple[str, str], asyncio.Semaphore] = {}
        self._lanes: dict[Lane, deque[Job]] = {}
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
        again before it waits. While the courier closes nothing is begun: a signal in ``recorded`` is left to
        the next process.
        """
        if signal.signal_id not in self._jobs:
            self._begin(Job(signal))

    def _begin(self, job: Job, attempt: Attempt | None = None) -> None:
        if self._closes_at is not None:
            if job.signal.state is SignalState.SENDING:
                self._spawn(self._demote(job, attempt))
            return
        self._jobs[job.signal.signal_id] = job
        self._of_call.setdefault(job.signal.call_id, []).append(job)
        lane = self._lanes.get(job.lane)
        if job.signal.state is SignalState.SENDING and (lane is not None or attempt is not None):
            job.demotion = self._spawn(self._demote(job, attempt))
        if lane is None:
            lane = self._lanes[job.lane] = deque([job])
            self._spawn(self._run(lane))
        else:
            lane.append(job)
            lane[0].wake.set()  # an arrival that rests may have become pointless

    def cancel(self, call_id: str) -> None:
        """The caller hung up: signals of the call that are not on the wire are cancelled, durably.

        One on the wire is not tried again.
        """
        for job in tuple(self._of_call.get(call_id, ())):
            job.stop = SignalState.CANCELLED
            job.wake.set()
            lane = self._lanes[job.lane]
            if job is not lane[0] and job in lane:
                lane.remove(job)
                self._spawn(self._settle(job, SignalState.CANCELLED))

    def withdraw(self, signal_id: str) -> None:
        """An operator cancelled a waiting signal on disk: it is not waited for any more."""
        job = self._jobs.get(signal_id)
        if job is None:
            return
        job.settled_elsewhere = True
        job.wake.set()
        lane = self._lanes[job.lane]
        if job is not lane[0] and job in lane:
            lane.remove(job)
            self._forget(job)

    async def resume(self) -> None:
        """Take over what an earlier process left: ``recorded`` goes out, ``sending`` becomes ``unknown``.

        Raises:
            StorageError: what it left can't be read.
        """
        for signal in await self._store.pending():
            if signal.state is SignalState.RECORDED:
                self.begin(signal)
                continue
            now = self._clock()
            attempt = Attempt(now, now, Outcome.UNCERTAIN.value, None, "the agent died while it was sent")
            in_doubt = replace(signal, attempts=(*signal.attempts, attempt))
            project = self._project_of(signal.account, signal.project)
            if project is not None and project.repeat_unknown:
                self._begin(Job(in_doubt), attempt)
            else:
                self._spawn(self._recording.settle(Job(in_doubt), SignalState.UNKNOWN, attempt))

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
        for job in [job for job in self._jobs.values() if job.on_wire]:
            now = self._clock()
            cut_off = Attempt(now, now, Outcome.UNCERTAIN.value, None, "the agent was stopped")
            job.signal = replace(job.signal, attempts=(*job.signal.attempts, cut_off))
            await self._settle(job, SignalState.UNKNOWN, cut_off)
        for job in [job for job in self._jobs.values() if job.signal.state is SignalState.SENDING]:
            with suppress(StorageError):
                await self._recording.move(job, SignalState.RECORDED)
        await self._recording.aclose()

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

    async def _demote(self, job: Job, attempt: Attempt | None = None) -> None:
        """Make a signal ``recorded`` that is ``sending`` on disk but has to wait before it leaves."""
        while True:
            try:
                job.settled_elsewhere = not await self._recording.move(job, SignalState.RECORDED, attempt)
            except StorageError:
                await asyncio.sleep(STORAGE_RETRY)
            else:
                return

    async def _run(self, lane: deque[Job]) -> None:
        """Deliver the signals of one contact, one after the other, in the order in which they were begun."""
        key = lane[0].lane
        while lane:
            try:
                await self._deliver(lane[0], lane)
            except Exception:  # noqa: BLE001 - the other signals of the contact must go on
                _log.exception("delivery broke", call_id=lane[0].signal.call_id)  # the next process has it
            lane.popleft()
        del self._lanes[key]

    async def _deliver(self, job: Job, lane: deque[Job]) -> None:
        key = job.signal.account, job.signal.project
        if job.signal.state is SignalState.SENDING and job.demotion is None and not self._can_leave(key):
            job.demotion = self._spawn(self._demote(job))
        if job.demotion is not None:
            await job.demotion
        slots = self._slots.setdefault(key, asyncio.Semaphore(self._in_flight))
        while not job.settled_elsewhere:
            async with slots:
                if (stop := self._stop(job, lane)) is not None:
                    await self._settle(job, stop)
                    return
                project = self._project_of(*key)
                tried = await try_once(job, project, self._cxone, self._recording, self._clock)
            if tried is None:  # withdrawn, and nothing was sent
                continue
            answer, attempt = tried
            job.signal = replace(job.signal, attempts=(*job.signal.attempts, attempt))
            step = next_step(
                job.signal,
                answer,
                attempt.ended,
                repeat_unknown=project is not None and project.repeat_unknown,
                stop=self._stop(job, lane),
                chance=self._chance(),
            )
            if not isinstance(step, RetryAt):
                await self._settle(job, step.state, attempt)
                return
            if not await self._rest(job, lane, attempt, step.at):
                return
        self._forget(job)

    def _stop(self, job: Job, lane: deque[Job]) -> SignalState | None:
        """The state in which the signal is to be given up now, if it is."""
        if job.stop is not None:
            return job.stop
        if self._clock() >= job.signal.expires:
            return SignalState.EXPIRED
        # An arrival that was tried in vain is of no use to its contact once the call's terminal moment came:
        # it would only hold that one up, and the script would see both at once.
        if job.signal.attempts and not job.signal.moment.terminal:
            behind = (other.signal for other in lane if other is not job)
            if any(other.call_id == job.signal.call_id for other in behind):
                return SignalState.EXPIRED
        return None

    async def _rest(self, job: Job, lane: deque[Job], attempt: Attempt, until: float) -> bool:
        """Put the signal back to ``recorded``, durably, and wait; False when the courier closes first."""
        loop = asyncio.get_running_loop()
        until_on_loop = loop.time() + until - self._clock()  # a wall clock that is set must not stretch it
        written = False
        while True:
            job.wake.clear()
            if not written:
                with suppress(StorageError):
                    job.settled_elsewhere = not await self._recording.move(job, SignalState.RECORDED, attempt)
                    written = True
            left = until_on_loop - loop.time()
            if job.settled_elsewhere or self._stop(job, lane) is not None or (written and left <= 0):
                return True
            if self._closes_at is not None and until >= self._closes_at:
                return False
            with suppress(TimeoutError):
                async with asyncio.timeout(left if written else STORAGE_RETRY):
                    await job.wake.wait()

    async def _settle(self, job: Job, state: SignalState, attempt: Attempt | None = None) -> None:
        await self._recording.settle(job, given_up(job.signal, state).state, attempt)
        self._forget(job)

    def _forget(self, job: Job) -> None:
        self._jobs.pop(job.signal.signal_id, None)
        of_call = self._of_call.get(job.signal.call_id, [])
        if job in of_call:
            of_call.remove(job)
        if not of_call:
            self._of_call.pop(job.signal.call_id, None)
