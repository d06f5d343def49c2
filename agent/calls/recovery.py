# SPDX-License-Identifier: GPL-3.0-or-later
"""Orphaned work: that of an earlier process of this node, or of a neighbour on the same database.

Orphaned calls have failed, and the script is told so, once; orphaned signals go out, or end as ``unknown``
where nobody can know whether they went out before.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from agent.core.brief import signal_after_the_fact
from agent.core.call import State
from agent.core.errors import StorageError
from agent.core.model import Project
from agent.core.moments import Moment, SignalState
from agent.core.reasons import End, Reason
from agent.core.records import Attempt, CallRecord, Decision, Signal
from agent.delivery.courier import Courier
from agent.delivery.queries import SignalQuery
from agent.delivery.store import NO_ORPHANS, Store
from agent.telemetry.logs import logger

_log = logger("recovery")


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
        self._calls: deque[CallRecord] = deque()  # ours by now, and their scripts are not told yet
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
            while self._calls:
                await self._tell(self._calls[0])
                self._calls.popleft()
                count += 1
            orphans = await self._store.take_over()
            if orphans == NO_ORPHANS:
                return count
            gone = [call_id for call_id in _arrived(orphans.signals) if await self._hung_up(call_id)]
            self._courier.take_up(orphans.signals)
            for call_id in gone:
                self._courier.cancel(call_id)
            self._calls.extend(orphans.calls)
            _log.warning(
                "work of a process that is gone is taken over",
                calls=len(orphans.calls),
                signals=len(orphans.signals),
            )

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

    async def _tell(self, call: CallRecord) -> None:
        now = time.time()
        project = self._project_of(call.account, call.project)
        signal_id = f"s-{secrets.token_hex(8)}"
        died = Reason.PROCESS_DIED
        signal = signal_after_the_fact(call, project, signal_id, now, died) if project else None
        told = await self._store.record_signal(signal) if signal else None
        if told is None and project is not None and call.state == State.KEPT.value:
            told = await self._after_all(call, project, now)
        if told is not None:
            self._courier.begin(told)
        end = await self._end(call)
        over = replace(call, state=State.ENDED.value, ended=now, end=end.value, reason=died.value)
        await self._store.update_call(over)
        _log.warning(
            "a call was up when its process died",
            call_id=call.call_id,
            contact_id=call.contact_id,
            project=call.project,
            node=call.node,
            signalled=told is not None,
        )

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
