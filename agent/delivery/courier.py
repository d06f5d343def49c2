# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivers what is durable in the outbox: the worker around the state machine of `agent.core.delivery`.

It gives each entry its turn: signals of one contact one after the other, and a limited number of requests for
each channel of each project. So no webhook, transcript or tenant that hangs holds up the signals of another.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Final

from agent.core import delivery_events as on
from agent.core.contact_queue import ContactQueue
from agent.core.delivery import QUEUE, Phase
from agent.core.errors import StorageError
from agent.core.model.project import Project
from agent.core.moments import Moment, SignalState
from agent.core.records import Channel, Signal
from agent.core.retries import policy_of
from agent.delivery.job import Job, QueueKey, SignalEvent, Stream, stream_of
from agent.delivery.parking import Parking
from agent.delivery.sending import STORAGE_RETRY, Poster, Sender, Sending
from agent.delivery.store import Outbox
from agent.telemetry import logs
from agent.web.room import Room

__all__ = ["Courier", "Poster", "Sender", "SignalEvent"]

IN_FLIGHT: Final = 256
"""Signals of one project in flight at the same time."""
ASIDE_IN_FLIGHT: Final = 16
"""Webhooks of one project in flight at the same time, and as many transcripts."""
ASIDE_HELD: Final = 1000
"""Webhooks of one project in memory, and as many transcripts; those beyond wait on disk."""
_OPENING_SECONDS: Final = 10.0
_MOST_OPENING: Final = 1000

_log = logs.logger("courier")


class Courier:
    """The worker. Used on the loop thread.

    Args:
        store: where each change of state is made durable.
        cxone: sends signals.
        project_of: the project in force now, by account and name; None when it is configured no more.
        on_event: told on the loop of each change of state, once it is durable (or, when the storage is faulty
            and the fact can't be taken back, once it is known).
        clock: seconds since the epoch.
        chance: random numbers, 0 <= number < 1.
        in_flight: signals of one project in flight at the same time.
        posters: post webhooks and transcripts.
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
        self._sending = Sending(store, cxone, posters or {}, on_event, clock=clock, chance=chance)
        self._clock = clock
        self._in_flight = in_flight
        self._slots: dict[Stream, Room] = {}
        self._queues: dict[QueueKey, ContactQueue[Job]] = {}
        self._jobs: dict[str, Job] = {}
        self._opening: dict[QueueKey, float] = {}  # since when a record as ``sending`` is being written
        self._counts: Counter[Channel] = Counter()
        self._parking = Parking(held)
        self._of_call: dict[str, list[Job]] = {}  # signals only
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pending(self) -> int:
        """How many signals are not settled yet."""
        return self._counts[Channel.SIGNAL]

    @property
    def oldest_seconds(self) -> float:
        """How long ago the signal was recorded that waits longest; 0 when none waits."""
        # They are held in the order in which they were recorded, a start's own first.
        signals = (job.signal for job in self._jobs.values() if job.signal.channel is Channel.SIGNAL)
        oldest = next(signals, None)
        return 0.0 if oldest is None else max(0.0, self._clock() - oldest.recorded)

    @property
    def pending_by_channel(self) -> dict[str, int]:
        """How many entries of each channel are not settled yet, those that wait on disk included."""
        waiting = self._parking.waiting
        return {channel.value: self._counts[channel] + waiting[channel] for channel in Channel}

    def waits(self, call_id: str) -> bool:
        """Whether a signal of this call is not settled yet."""
        return call_id in self._of_call

    def opening_state(self, project: Project, contact_id: str) -> SignalState:
        """The state in which to record a new signal of a contact.

        ``sending`` when its request can leave as soon as the record is durable; this saves the second commit
        before the first byte. Otherwise ``recorded``: also while another of the contact is being recorded as
        ``sending``, since it would have to wait behind that one, and must not look as if it were on the wire.
        """
        stream = Channel.SIGNAL, project.account, project.project
        key, now = (*stream, contact_id), self._clock()
        opening = now - self._opening.get(key, -_OPENING_SECONDS) < _OPENING_SECONDS
        if self._closes_at is not None or opening or key in self._queues or not self._can_leave(stream):
            return SignalState.RECORDED
        if len(self._opening) >= _MOST_OPENING:  # some were never begun: their record failed
            self._opening = {each: at for each, at in self._opening.items() if now - at < _OPENING_SECONDS}
        self._opening[key] = now
        return SignalState.SENDING

    def begin(self, signal: Signal) -> None:
        """Begin the delivery of an entry that is durable in the state that `opening_state` gave.

        A signal that is durable as ``sending`` leaves at once; if it can't after all, it is made ``recorded``
        again before it waits. A webhook or transcript is durable as ``recorded``. While the courier closes,
        nothing is begun: the entry is left to the next process, as ``recorded``.
        """
        if signal.signal_id in self._jobs:
            return
        job = Job(signal)
        self._opening.pop(job.queue_key, None)
        if self._closes_at is not None:
            if (action := job.handle(on.ProcessEnds(self._clock()))) is not None:
                self._spawn(self._sending.leave(job, action))
        elif self._admitted(signal):
            self._take(job)

    def cancel(self, call_id: str, moment: Moment | None = None) -> None:
        """Cancel the signals of a call, or that of one moment: the caller hung up, for example.

        Signals that are not on the wire are cancelled, durably. One on the wire is not tried again. Webhooks
        and transcripts go on: what they tell has happened.
        """
        for job in tuple(self._of_call.get(call_id, ())):
            if moment not in (None, job.signal.moment):
                continue
            job.handle(on.Withdrawn())
            job.wake.set()
            queue = self._queues.get(job.queue_key)
            if job.aside is None and queue is not None and job is not queue.first:
                job.aside = self._spawn(self._aside(job, job.handle(on.Turn(self._clock()))))

    def withdraw(self, signal_id: str) -> None:
        """Drop a waiting entry that an operator has cancelled on disk."""
        job = self._jobs.get(signal_id)
        if job is None:
            return
        job.handle(on.SettledElsewhere())
        job.wake.set()
        queue = self._queues.get(job.queue_key)
        if queue is not None and job is not queue.first:
            queue.remove(job)
            self._forget(job)

    def take_up(self, signals: Iterable[Signal]) -> None:
        """Deliver orphaned entries; one that was ``sending`` becomes ``unknown``, or policy repeats it."""
        for signal in signals:
            if signal.signal_id not in self._jobs and self._admitted(signal):
                self._take_up(signal)

    async def aclose(self, grace: float) -> None:
        """Let deliveries go on for ``grace`` seconds, then stop.

        What waits stays ``recorded`` for the next process; what is still on the wire becomes ``unknown``.
        """
        self._sending.closes_at = self._clock() + grace
        for job in self._jobs.values():
            job.wake.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for job in tuple(self._jobs.values()):
            await self._sending.leave(job, job.handle(on.ProcessEnds(self._clock())))
        await self._sending.aclose()

    @property
    def _closes_at(self) -> float | None:
        return self._sending.closes_at

    def _admitted(self, signal: Signal) -> bool:
        """Whether an entry is delivered now; one that is not waits on disk. Signals never wait there."""
        if signal.channel is Channel.SIGNAL:
            return True
        return self._parking.admit(stream_of(signal), signal.signal_id)

    def _take_up(self, signal: Signal) -> None:
        policy = policy_of(self._project_of(signal.account, signal.project), signal.channel)
        job = Job(signal)
        self._take(job, job.handle(on.ProcessStarted(self._clock(), policy)))

    def _take(self, job: Job, action: on.Action | None = None) -> None:
        """Start to deliver an entry; ``action`` is what its machine wants before its turn."""
        self._jobs[job.signal.signal_id] = job
        self._counts[job.signal.channel] += 1
        if job.signal.channel is Channel.SIGNAL:
            self._of_call.setdefault(job.signal.call_id, []).append(job)
        queue = self._queues.get(job.queue_key)
        if queue is not None and action is None:
            action = job.handle(on.Held())
        if action is not None:
            job.aside = self._spawn(self._aside(job, action))
        if queue is None:
            queue = self._queues[job.queue_key] = ContactQueue()
            queue.add(job)
            self._spawn(self._run(queue, job.queue_key))
        else:
            queue.add(job)
            if (first := queue.first) is not None:
                first.wake.set()  # an arrival that rests may be pointless now

    def _spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _can_leave(self, stream: Stream) -> bool:
        """Whether a signal can leave without waiting for a slot, a token or the breaker."""
        project, slots = self._project_of(*stream[1:]), self._slots.get(stream)
        if project is None or (slots is not None and slots.full):
            return False
        return self._cxone.can_send_now(project)

    async def _run(self, queue: ContactQueue[Job], key: QueueKey) -> None:
        """Deliver the entries of one queue, one after the other, in the order in which they were begun."""
        while (job := queue.first) is not None:
            with logs.of_call(job.signal.call_id, job.signal.project):
                try:
                    await self._deliver(job)
                except Exception:  # noqa: BLE001 - the other signals of the contact must go on
                    _log.exception("delivery broke", **logs.call_facts())  # the next process delivers it
            queue.remove(job)
        del self._queues[key]

    async def _deliver(self, job: Job) -> None:
        if job.aside is not None:
            await job.aside
            job.aside = None
            if job.phase is Phase.PUTTING_BACK:
                return  # the storage is faulty and the courier closes, which tries once more
        stream, is_signal = job.stream, job.signal.channel is Channel.SIGNAL
        action: on.Action | None = QUEUE
        if job.marked and not self._can_leave(stream):
            action = job.handle(on.Held())
        slots = self._slots.get(stream)
        if slots is None:
            slots = Room(self._in_flight if is_signal else ASIDE_IN_FLIGHT)
            self._slots[stream] = slots
        while (action := await self._sending.until_turn(job, action)) is not None:
            if not slots.take():
                await slots.wait()
            try:
                if self._closes_at is not None and not is_signal:
                    return  # not urgent: the next process delivers it
                action = job.handle(on.Turn(self._clock()))
                if isinstance(action, on.Ask):
                    action = await self._sending.exchange(job, self._project_of(*stream[1:]))
            finally:
                slots.leave()
        if job.phase is Phase.OVER:
            self._forget(job)

    async def _aside(self, job: Job, action: on.Action | None) -> None:
        """Carry out an action for an entry before its turn; one that is over by it leaves its queue."""
        with logs.of_call(job.signal.call_id, job.signal.project):
            await self._sending.until_turn(job, action)
        queue = self._queues.get(job.queue_key)
        if job.phase is Phase.OVER and queue is not None and queue.first is not job:
            queue.remove(job)
            self._forget(job)

    def _forget(self, job: Job) -> None:
        signal = job.signal
        if self._jobs.pop(signal.signal_id, None) is None:
            return
        self._counts[signal.channel] -= 1
        if signal.channel is not Channel.SIGNAL:
            if (waiting := self._parking.leave(job.stream)) is not None:
                self._spawn(self._fetch(job.stream, waiting))
            return
        of_call = self._of_call[signal.call_id]
        of_call.remove(job)
        if not of_call:
            del self._of_call[signal.call_id]

    async def _fetch(self, stream: Stream, waiting: str | None) -> None:
        """Deliver an entry that waited on disk, or the next if it has been settled meanwhile."""
        while waiting is not None and self._closes_at is None:
            try:
                signal = await self._store.signal(waiting)
            except StorageError:
                await asyncio.sleep(STORAGE_RETRY)
                continue
            if signal is not None and not signal.state.final and waiting not in self._jobs:
                self._take_up(signal)
                return
            waiting = self._parking.leave(stream)
