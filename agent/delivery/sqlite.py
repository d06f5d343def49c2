# SPDX-License-Identifier: GPL-3.0-or-later
"""The store in one SQLite file (WAL, ``synchronous=FULL``), for a node that keeps its records itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final, Self, cast

from agent.core.moments import SignalState
from agent.core.record_form import Finished
from agent.core.records import Attempt, CallRecord, Handoff, Signal
from agent.core.replication import Replication
from agent.delivery import finished
from agent.delivery import sqlite_statements as sql
from agent.delivery.finished import Export, Filed, finished_of
from agent.delivery.group_commit import GroupCommit
from agent.delivery.queries import CallQuery, SignalQuery, where_calls, where_signals
from agent.delivery.rows import (
    ATTEMPT,
    CALL,
    CALL_CHANGES,
    HANDOFF,
    SIGNAL,
    Row,
    call_of,
    handoff_of,
    signal_of,
)
from agent.delivery.searches import Searches
from agent.delivery.store import NO_ORPHANS, Orphans
from agent.delivery.transactions import Step

_AT_ONCE: Final = 50
"""Entries of the outbox that are taken over in one go."""


class _Left:
    """What earlier processes left in the file, and how much of it was taken over.

    Args:
        calls: ids of those that were up when this process opened the file.
        last: the last row of their signals.
    """

    def __init__(self, calls: list[str], last: int) -> None:
        self.calls = calls
        self.last = last
        self.after: tuple[float, int] = (float("-inf"), 0)  # when the last one taken was recorded, its row


class SqliteStore:
    """A `Store` in one SQLite file. Make one with `open`; used on the loop thread."""

    def __init__(self, commits: GroupCommit, searches: Searches, left: _Left | None) -> None:
        self._commits = commits
        self._searches = searches
        self._left = left

    @classmethod
    async def open(
        cls, path: Path, on_fault: Callable[[str | None], None] | None = None, *, owner: bool = True
    ) -> Self:
        """Open the file, make it if need be, and bring its tables up to date.

        Args:
            path: the file; it and its folder are made where they are not there.
            on_fault: told on the loop when writing begins to fail (why) and when it heals (None).
            owner: whether signals are delivered from here; False for a command that looks or helps.

        Raises:
            StorageError: the file can't be used; one line says why.
        """
        commits = GroupCommit(path, on_fault, owner=owner)
        await commits.open()
        searches = Searches(path)
        if not owner:
            return cls(commits, searches, None)
        # Read before anything is recorded here: new calls are taken while the old ones are told.
        ((last,),) = cast("list[tuple[int]]", await commits.read(sql.LAST_SIGNAL))
        up = [str(call_id) for (call_id,) in await commits.read(sql.CALLS_UP)]
        return cls(commits, searches, _Left(up, last))

    @property
    def fault(self) -> str | None:
        """Why records can't be made durable now; a small write each second finds out when they can."""
        return self._commits.fault

    async def aclose(self) -> None:
        """Commit what waits and close the file."""
        await self._searches.aclose()
        await self._commits.aclose()

    async def open_call(self, call: CallRecord, signal: Signal | None) -> None:
        """See `Store`."""
        steps = [Step(sql.INSERT_CALL, CALL.values(call))]
        if signal is not None:
            steps.append(Step(sql.INSERT_SIGNAL, SIGNAL.values(signal)))
        await self._commits.write(*steps)

    async def update_call(self, call: CallRecord, webhook: Signal | None = None) -> bool:
        """See `Store`."""
        update = Step(sql.UPDATE_CALL, CALL_CHANGES.values(call), webhook is not None)
        if webhook is None:
            return await self._commits.write(update, patient=True)
        hook = Step(sql.INSERT_SIGNAL, SIGNAL.values(webhook))
        return await self._commits.write(update, hook, patient=True)

    async def record_signal(self, signal: Signal) -> Signal | None:
        """See `Store`."""
        new = await self._commits.write(Step(sql.INSERT_SIGNAL, SIGNAL.values(signal), decides=True))
        return signal if new else None

    async def record_handoff(
        self, handoff: Handoff, signal: Signal | None, webhook: Signal | None = None
    ) -> bool:
        """See `Store`."""
        steps = []
        if signal is not None:
            steps.append(Step(sql.INSERT_SIGNAL, SIGNAL.values(signal), decides=True))
        own = "" if signal is None else signal.signal_id
        steps.append(Step(sql.INSERT_HANDOFF, (*HANDOFF.values(handoff), own), decides=True))
        if webhook is not None:
            steps.append(Step(sql.INSERT_SIGNAL, SIGNAL.values(webhook)))
        return await self._commits.write(*steps)

    async def take_back(self, handoff_id: str, entries: Sequence[str]) -> None:
        """See `Store`."""
        ids = json.dumps(list(entries))
        await self._commits.write(
            Step(sql.TAKE_BACK_ENTRIES, (ids,)), Step(sql.TAKE_BACK_HANDOFF, (handoff_id, ids))
        )

    async def update_signal(self, signal_id: str, state: SignalState, attempt: Attempt | None) -> bool:
        """See `Outbox`."""
        steps = [Step(sql.UPDATE_SIGNAL, (state.value, signal_id), decides=True)]
        if attempt is not None:
            steps.append(_attempt(signal_id, attempt))
        return await self._commits.write(*steps, patient=state.final)

    async def reopen_signal(self, signal_id: str, expires: float, decision: Attempt) -> Signal | None:
        """See `Store`."""
        reopen = Step(sql.REOPEN, (expires, signal_id), decides=True)
        done = await self._commits.write(reopen, _attempt(signal_id, decision))
        return await self.signal(signal_id) if done else None

    async def discard_signal(self, signal_id: str, decision: Attempt) -> bool:
        """See `Store`."""
        discard = Step(sql.CANCEL, (signal_id,), decides=True)
        return await self._commits.write(discard, _attempt(signal_id, decision))

    async def take_over(self) -> Orphans:
        """See `Store`. Only one process uses the file: what is unsettled in it at the start is orphaned.

        It comes in parts: after an outage of a customer's system many webhooks may wait. The calls come last:
        what is signalled of them now must not overtake what was recorded before.
        """
        left = self._left
        if left is None:
            return NO_ORPHANS
        found = await self._commits.read(sql.FIND_ORPHANS, (*left.after, left.last, _AT_ONCE))
        ids = json.dumps([signal_id for signal_id, *_ in found])
        signals = await self._commits.read(sql.SIGNALS_BY_IDS, (ids,)) if found else []
        calls: list[Row] = []
        if len(found) == _AT_ONCE:
            _, recorded, row = cast("tuple[str, float, int]", found[-1])
            left.after = recorded, row
        else:
            calls = await self._commits.read(sql.CALLS_UP_BY_IDS, (json.dumps(left.calls),))
            self._left = None
        return Orphans(tuple(map(call_of, calls)), tuple(map(signal_of, signals)))

    async def forget(self, before: float, keep: int) -> int:
        """See `Store`. What goes leaves its pages to what comes, so the file does not grow."""
        old = json.dumps([row[0] for row in await self._commits.read(sql.FIND_OLD, (before, keep))])
        if old == "[]":
            return 0
        still_old = Step(sql.NONE_REOPENED, (old,), decides=True)
        gone = await self._commits.write(still_old, *(Step(statement, (old,)) for statement in sql.FORGET))
        return len(json.loads(old)) if gone else 0

    async def replication(self) -> Replication | None:
        """See `Store`. A file has no standby."""
        return None

    async def call(self, call_id: str) -> CallRecord | None:
        """See `Store`."""
        rows = await self._commits.read(f"{sql.SELECT_CALLS} WHERE call_id = ?", (call_id,))
        return call_of(rows[0]) if rows else None

    async def calls(self, query: CallQuery) -> tuple[CallRecord, ...]:
        """See `Store`."""
        where = where_calls(query)
        rows = await self._searches.read(
            f"{sql.SELECT_CALLS} WHERE {where} ORDER BY began DESC, call_id DESC LIMIT ?",
            (*where.values, query.limit),
        )
        return tuple(map(call_of, rows))

    async def signals(self, query: SignalQuery) -> tuple[Signal, ...]:
        """See `HandoffStates`."""
        where = where_signals(query)
        order = "recorded DESC, rowid DESC" if query.indexed else "rowid DESC"
        rows = await self._commits.read(
            f"{sql.SELECT_SIGNALS} WHERE {where} ORDER BY {order} LIMIT ?", (*where.values, query.limit)
        )
        return tuple(map(signal_of, rows))

    async def signal(self, signal_id: str) -> Signal | None:
        """See `Store`."""
        rows = await self._commits.read(f"{sql.SELECT_SIGNALS} WHERE signal_id = ?", (signal_id,))
        return signal_of(rows[0]) if rows else None

    async def handoff(self, handoff_id: str) -> Handoff | None:
        """See `HandoffStates`."""
        rows = await self._commits.read(f"{sql.SELECT_HANDOFFS} WHERE handoff_id = ?", (handoff_id,))
        return handoff_of(rows[0]) if rows else None

    async def handoff_by_key(
        self, account: str, project: str, *, handoff_id: str = "", shared_id: str = ""
    ) -> Handoff | None:
        """See `HandoffStates`."""
        query, key = (sql.BY_SHARED_ID, shared_id) if shared_id else (sql.BY_ID, handoff_id)
        rows = await self._commits.read(query, (account, project, key))
        return handoff_of(rows[0]) if rows else None

    async def finished(self, after: int, most: int) -> tuple[Finished, ...]:
        """See `Records`. The one node that uses the file ended them all."""
        query, where = finished.after(after, most)
        return tuple(map(finished_of, await self._commits.read(query, where.values)))

    async def filed(self) -> Filed:
        """See `Records`."""
        ((position, given),) = cast("list[tuple[int | None, int]]", await self._commits.read(sql.FILED))
        return Filed(position, given)

    async def note_filed(self, position: int | None) -> None:
        """See `Records`."""
        noted = Step(sql.FILED_NO_MORE, ()) if position is None else Step(sql.NOTE_FILED, (position,))
        await self._commits.write(noted, patient=True)

    async def number_anew(self, above: int, filed: Collection[str], newest: int) -> None:
        """See `Records`."""
        steps = (above, newest - above, json.dumps(sorted(filed)))
        await self._commits.write(
            Step(sql.NUMBER_ANEW, steps), Step(sql.GO_ON_BEHIND, steps[:2]), Step(sql.NOTE_FILED, (newest,))
        )

    async def places(self) -> tuple[int, int]:
        """See `Records`."""
        ((first, last),) = cast("list[tuple[int, int]]", await self._commits.read(finished.span("rowid")))
        return first, last

    async def finished_between(self, low: int, high: int, wanted: Export) -> tuple[Finished, ...]:
        """See `Records`."""
        query, where = finished.between(low, high, wanted, "rowid")
        return tuple(map(finished_of, await self._commits.read(query, where.values)))


def _attempt(signal_id: str, attempt: Attempt) -> Step:
    return Step(sql.INSERT_ATTEMPT, (signal_id, *ATTEMPT.values(attempt)))
