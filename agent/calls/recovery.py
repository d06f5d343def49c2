# SPDX-License-Identifier: GPL-3.0-or-later
"""Orphaned work: that of an earlier process of this node, or of a neighbour on the same database.

Orphaned calls have failed, and the script is told so, once; orphaned signals go out, or end as ``unknown``
where nobody can know whether they went out before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from agent.core import webhook
from agent.core.brief import signal_after_the_fact
from agent.core.call import State
from agent.core.errors import StorageError
from agent.core.model import Project
from agent.core.moments import Moment, SignalState
from agent.core.reasons import End, Reason
from agent.core.record_form import Finished, HandoffFacts
from agent.core.records import Attempt, CallRecord, Decision, Signal
from agent.delivery.courier import Courier
from agent.delivery.queries import SignalQuery
from agent.delivery.store import NO_ORPHANS, Store
from agent.identifiers import fresh
from agent.telemetry.logs import logger

AT_ONCE: Final = 50
"""Calls that are told together: they share their commits."""
_PAUSE_SECONDS: Final = 0.01
"""Between two batches: new calls have their turn."""

_log = logger("recovery")


@dataclass
class _Orphan:
    """A call that is ours by now, and whose script is not told yet.

    Attributes:
        signal: what it is to be told; it keeps its id when the storage fails half-way.
        begun: whether its delivery was begun.
    """

    call: CallRecord
    signal: Signal | None = None
    begun: Signal | None = None


class Recovery:
    """Takes over orphaned work, at start and from then on.

    Args:
        store: gives it, each piece to one process only.
        courier: delivers the signals.
        project_of: the project in force now, by account and name; None when it is configured no more.
    """

    def __init__(
        self, store: Store, courier: Courier, project_of: Callable[[str, str], Project | None]
    ) -> None:
        self._store = store
        self._courier = courier
        self._project_of = project_of
        self._calls: dict[str, _Orphan] = {}
        self._task: asyncio.Task[None] | None = None

    async def take_over(self) -> int:
        """Take over all that there is.

        Returns:
            How many calls there were.

        Raises:
            StorageError: the record can't be read or written; what is left is done the next time.
        """
        count = 0
        while True:
            count += await self._tell_all()
            orphans = await self._store.take_over()
            if orphans == NO_ORPHANS:
                break
            arrived = list(_arrived(orphans.signals))
            gone = await asyncio.gather(*map(self._hung_up, arrived))
            self._courier.take_up(orphans.signals)
            for call_id, hung_up in zip(arrived, gone, strict=True):
                if hung_up:
                    self._courier.cancel(call_id)
            await asyncio.sleep(_PAUSE_SECONDS)
            self._calls |= {call.call_id: _Orphan(call) for call in orphans.calls}
            _log.warning(
                "work of a process that is gone is taken over",
                calls=len(orphans.calls),
                signals=len(orphans.signals),
            )
        if count:
            _log.warning("calls of a process that is gone were told as failed", calls=count)
        return count

    def look(self) -> None:
        """Begin to take over what has been orphaned since; returns at once."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._look())

    async def aclose(self) -> None:
        """End what `look` began; what it leaves belongs to whoever comes next."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _look(self) -> None:
        try:
            await self.take_over()
        except StorageError as error:
            _log.debug("nothing can be taken over now", error=str(error))

    async def _hung_up(self, call_id: str) -> bool:
        """Whether the caller hung up: an arrival that still waited then is of no use to anybody."""
        try:
            call = await self._store.call(call_id)
        except StorageError:
            return False  # what was taken over must go on, and this is not known
        return call is not None and call.end == End.CALLER.value

    async def _tell_all(self) -> int:
        """Tell the scripts of all calls that are ours by now; one that can't be told holds up no other."""
        count = 0
        while batch := list(islice(self._calls.values(), AT_ONCE)):
            results = await asyncio.gather(*map(self._tell, batch), return_exceptions=True)
            refused: StorageError | None = None
            for orphan, failed in zip(batch, results, strict=True):
                if isinstance(failed, StorageError):
                    refused = failed
                    continue
                call_id = orphan.call.call_id
                del self._calls[call_id]
                if failed is None:
                    count += 1
                else:  # a mistake of ours: it stays up on disk, for the next process
                    _log.error(
                        "a call of a dead process can't be told",
                        call_id=call_id,
                        project=orphan.call.project,
                        exc_info=failed,
                    )
            if refused is not None:
                raise refused
            await asyncio.sleep(_PAUSE_SECONDS)
        return count

    async def _tell(self, orphan: _Orphan) -> None:
        now, call, died = time.time(), orphan.call, Reason.PROCESS_DIED
        if orphan.begun is None:
            await self._begin(orphan, now)
        failed = orphan.begun is not None and orphan.begun.moment is Moment.FAILED
        end = End.FAILED if failed else await self._end(call)
        project = self._project_of(call.account, call.project)
        over = replace(
            call,
            state=State.ENDED.value,
            ended=now,
            end=end.value,
            reason=died.value,
            version=call.version + 1,
        )
        hook = None if project is None else await self._webhook(project, over, now)
        if await self._store.update_call(over, hook) and hook is not None:
            self._courier.begin(hook)
        _log.warning(
            "a call was up when its process died",
            call_id=call.call_id,
            contact_id=call.contact_id,
            project=call.project,
            node=call.node,
            signalled=orphan.begun is not None,
        )

    async def _webhook(self, project: Project, over: CallRecord, now: float) -> Signal | None:
        """What tells the customer's system that the call is over, where it wants to know."""
        if not webhook.tells_of_ends(project):
            return None
        facts = None
        if over.end == End.HANDOFF.value:
            handoff = await self._store.handoff_by_key(over.account, over.project, handoff_id=over.call_id)
            if handoff is not None and handoff.call_id == over.call_id:
                facts = HandoffFacts.of(handoff)
        return webhook.compose_end(project, Finished(over, facts), now)

    async def _begin(self, orphan: _Orphan, now: float) -> None:
        """Record what the script is to be told and begin it, unless it was told before."""
        call = orphan.call
        project = self._project_of(call.account, call.project)
        if project is None:
            return
        if orphan.signal is None:
            signal_id = f"s-{fresh()}"
            orphan.signal = signal_after_the_fact(call, project, signal_id, now, Reason.PROCESS_DIED)
        told = await self._record(orphan.signal) if orphan.signal else None
        if told is None and call.state == State.KEPT.value:
            told = await self._after_all(call, project, now)
        if told is not None:
            orphan.begun = told
            self._courier.begin(told)

    async def _record(self, signal: Signal) -> Signal | None:
        """Record a signal; None where the call has another one, or this one is settled."""
        recorded = await self._store.record_signal(signal)
        if recorded is not None:
            return recorded
        found = await self._store.signal(signal.signal_id)  # it may stand by a write that failed
        return None if found is None or found.state.final else found

    async def _after_all(self, call: CallRecord, project: Project, now: float) -> Signal | None:
        """The handoff of a caller whom the voice agent kept: without it nobody would come any more.

        It leaves only where it surely had no effect before.
        """
        signals = await self._store.signals(SignalQuery(call.call_id, moment=Moment.HANDOFF))
        for signal in signals:
            if signal.state in (SignalState.CANCELLED, SignalState.EXPIRED):
                decision = Attempt(now, now, Decision.RECOVERY.value, None, Reason.PROCESS_DIED.text)
                return await self._store.reopen_signal(signal.signal_id, now + project.signal_ttl, decision)
        return None

    async def _end(self, call: CallRecord) -> End:
        """How the call ended: by the terminal moment that came before the process died, else by its death."""
        moments = (signal.moment for signal in await self._store.signals(SignalQuery(call.call_id)))
        return next((End(moment.value) for moment in moments if moment.terminal), End.FAILED)


def _arrived(signals: Iterable[Signal]) -> Iterator[str]:
    """The calls of the arrivals among these signals."""
    return (signal.call_id for signal in signals if signal.moment is Moment.ARRIVAL)
