# SPDX-License-Identifier: GPL-3.0-or-later
"""The store in PostgreSQL, which several agents may share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Final, Self
from urllib.parse import urlsplit

from agent.core.errors import StorageError
from agent.core.moments import SignalState
from agent.core.records import Attempt, CallRecord, Handoff, Signal
from agent.delivery import postgres_statements as sql
from agent.delivery.lease import HEARTBEAT_SECONDS
from agent.delivery.postgres_lease import Lease
from agent.delivery.postgres_reading import UNREACHABLE, Reading, said
from agent.delivery.postgres_writer import Connection, Rows, Undo, Writer
from agent.delivery.rows import ATTEMPT, CALL, CALL_CHANGES, HANDOFF, SIGNAL, call_of, signal_of
from agent.delivery.schema import VERSION, due
from agent.delivery.schema.child import upgrade
from agent.delivery.store import NO_ORPHANS, Orphans

_PROBE_SECONDS: Final = 1.0
_CLAIMS: Final = 100
_OLDEST: Final = 200


class PostgresStore(Reading):
    """A `Store` in PostgreSQL. Make one with `open`; used on the loop thread."""

    def __init__(self, url: str, lease: Lease | None, on_fault: Callable[[str | None], None] | None) -> None:
        super().__init__(url, "" if lease is None else lease.node)
        self._lease = lease
        self._writer = Writer(self._connect, self._guard, on_fault, probed=lease is not None)
        self._beating: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        url: str,
        on_fault: Callable[[str | None], None] | None = None,
        broke: Callable[[Exception], None] | None = None,
        *,
        node: str = "",
        owner: bool = True,
    ) -> Self:
        """Connect, bring the tables up to date, and take the node's lease.

        Args:
            url: ``postgresql://…`` as libpq takes it.
            on_fault: told on the loop when writing begins to fail (why) and when it heals (None).
            broke: told of an error of ours in the beat, which goes on.
            node: the name under which signals are delivered from here.
            owner: whether they are; False for a command that looks or helps.

        Raises:
            StorageError: the database can't be used, or another agent has this name; one line says which.
        """
        store = cls(url, Lease(node) if owner else None, on_fault)
        connection: Connection | None = None
        try:
            connection = await store._connect()
            await store._migrate(connection)
            if store._lease is not None:
                await store._lease.acquire(connection)
            await store._open_readers()
        except asyncio.CancelledError:
            if connection is not None:
                connection.terminate()
            raise
        except (*UNREACHABLE, StorageError) as error:
            if connection is not None:
                connection.terminate()
            raise StorageError(f"storage {shown(url)} can't be used: {said(error)}") from error
        store._writer.start(connection)
        if store._lease is not None:
            store._beating = asyncio.get_running_loop().create_task(store._beat(store._lease, broke))
        return store

    @property
    def fault(self) -> str | None:
        """Why records can't be made durable now; a beat each second finds out when they can."""
        return self._writer.fault

    async def aclose(self) -> None:
        """Commit what waits, give the lease back and disconnect; neighbours take over what is left."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
            self._beating = None
            if self._lease is not None:
                with suppress(StorageError):
                    await self._writer.do(self._lease.release)
        await self._writer.aclose()
        self._close_readers()

    # -- writes ------------------------------------------------------------------------------------------

    async def open_call(self, call: CallRecord, signal: Signal | None) -> None:
        """See `Store`."""
        owner = self._owner
        undo: list[Undo] = [(sql.UNDO_CALL, (call.call_id, owner))]
        if signal is None:
            await self._writer.write(sql.OPEN_CALL, *CALL.values(call), owner, undo=undo)
            return
        undo.append((sql.UNDO_SIGNAL, (signal.signal_id, owner)))
        values = *CALL.values(call), owner, *SIGNAL.values(signal)
        await self._writer.write(sql.OPEN_CALL_WITH_SIGNAL, *values, undo=undo)

    async def update_call(self, call: CallRecord, webhook: Signal | None = None) -> bool:
        """See `Store`. A call that a neighbour took over is left to it."""
        values = *CALL_CHANGES.values(call), self._owner
        if webhook is None:
            await self._writer.write(sql.UPDATE_CALL, *values)
            return True
        hook = SIGNAL.values(webhook)
        return bool(await self._writer.write(sql.UPDATE_CALL_WITH_WEBHOOK, *values, *hook))

    async def record_signal(self, signal: Signal) -> Signal | None:
        """See `Store`."""
        owner = self._owner
        undo = [(sql.UNDO_SIGNAL, (signal.signal_id, owner))]
        new = await self._writer.write(sql.RECORD_SIGNAL, *SIGNAL.values(signal), owner, undo=undo)
        return signal if new else None

    async def record_handoff(
        self, handoff: Handoff, signal: Signal | None, webhook: Signal | None = None
    ) -> bool:
        """See `Store`."""
        owner = self._owner
        entries = [entry for entry in (signal, webhook) if entry is not None]
        undo: list[Undo] = [(sql.UNDO_HANDOFF, (handoff.handoff_id, owner))]
        undo += [(sql.UNDO_SIGNAL, (entry.signal_id, owner)) for entry in entries]
        if not entries:
            return bool(await self._writer.write(sql.RECORD_HANDOFF, *HANDOFF.values(handoff), undo=undo))
        statement = sql.RECORD_HANDOFF_WITH_BOTH if len(entries) > 1 else sql.RECORD_HANDOFF_WITH_SIGNAL
        if signal is None:
            statement = sql.RECORD_HANDOFF_WITH_WEBHOOK
        values = (value for entry in entries for value in SIGNAL.values(entry))
        return bool(await self._writer.write(statement, *HANDOFF.values(handoff), *values, owner, undo=undo))

    async def take_back(self, handoff_id: str, entries: Sequence[str]) -> None:
        """See `Store`."""

        async def take_back(connection: Connection, _undo: list[Undo]) -> Rows:
            await connection.execute(sql.TAKE_BACK_ENTRIES, list(entries), self._owner)
            await connection.execute(sql.TAKE_BACK_HANDOFF, handoff_id, list(entries))
            return []

        await self._writer.do(take_back)

    async def update_signal(self, signal_id: str, state: SignalState, attempt: Attempt | None) -> bool:
        """See `Outbox`. A signal that a neighbour took over is as good as settled."""
        moved = signal_id, state.value, self._owner
        if attempt is None:
            return bool(await self._writer.write(sql.UPDATE_SIGNAL, *moved))
        values = *moved, *ATTEMPT.values(attempt)
        return bool(await self._writer.write(sql.UPDATE_SIGNAL_WITH_ATTEMPT, *values))

    async def reopen_signal(self, signal_id: str, expires: float, decision: Attempt) -> Signal | None:
        """See `Store`. If a command does it, the next agent that looks for orphaned work delivers it."""
        values = signal_id, expires, self._owner, *ATTEMPT.values(decision)
        done = await self._writer.write(sql.REOPEN_SIGNAL, *values)
        return await self.signal(signal_id) if done else None

    async def discard_signal(self, signal_id: str, decision: Attempt) -> bool:
        """See `Store`."""
        values = signal_id, SignalState.CANCELLED.value, *ATTEMPT.values(decision)
        return bool(await self._writer.write(sql.DISCARD_SIGNAL, *values))

    async def note_filed(self, position: int | None) -> None:
        """See `Records`."""
        if position is None:
            await self._writer.write(sql.FILED_NO_MORE, self._node)
        else:
            await self._writer.write(sql.NOTE_FILED, self._node, position)

    async def number_anew(self, above: int, filed: Collection[str], newest: int) -> None:
        """See `Records`. Numbers are those of all nodes: theirs go on behind as well."""

        async def shift(connection: Connection, _undo: list[Undo]) -> Rows:
            await self._guard(connection)
            await connection.execute(sql.HOLD_NUMBERS, self._node)
            by = newest - above
            await connection.execute(sql.NUMBER_ANEW, self._node, above, by, list(filed))
            await connection.execute(sql.GO_ON_BEHIND, above, by)
            await connection.execute(sql.NOTE, self._node, newest)
            return []

        await self._writer.do(shift)

    async def take_over(self) -> Orphans:
        """See `Store`."""
        if self._lease is None or not (await self._read(sql.ANY_ORPHANS))[0][0]:
            return NO_ORPHANS
        calls: list[CallRecord] = []

        async def claim(connection: Connection, undo: list[Undo]) -> Rows:
            owner = self._owner
            signals = [row[0] for row in await connection.fetch(sql.CLAIM_SIGNALS, owner, _CLAIMS)]
            # Calls come last: what is signalled of them now must not overtake what was recorded before.
            left = _CLAIMS if len(signals) < _CLAIMS else 0
            calls[:] = [call_of(tuple(row)) for row in await connection.fetch(sql.CLAIM_CALLS, owner, left)]
            undo[:] = [
                (sql.UNDO_CLAIM_OF_CALLS, ([call.call_id for call in calls], owner)),
                (sql.UNDO_CLAIM_OF_SIGNALS, (signals, owner)),
            ]
            query = f"{sql.SELECT_SIGNALS} WHERE signal_id = ANY($1::text[]) ORDER BY sequence"
            return [tuple(row) for row in await connection.fetch(query, signals)]

        rows = await self._writer.do(claim)
        return Orphans(tuple(calls), tuple(map(signal_of, rows)))

    async def forget(self, before: float, keep: int) -> int:
        """See `Store`."""
        old = [row[0] for row in await self._read(sql.FIND_OLD, before, keep, _OLDEST)]
        return len(await self._writer.write(sql.FORGET, old)) if old else 0

    # -- below -------------------------------------------------------------------------------------------

    @property
    def _owner(self) -> str:
        return "" if self._lease is None else self._lease.incarnation

    async def _guard(self, connection: Connection) -> None:
        if self._lease is not None:
            await self._lease.check(connection)

    async def _connect(self) -> Connection:
        connection = await self._servers.connect()
        if self._readers is not None:
            await self._readers.expire_connections()  # theirs may lead to a primary of before
        return connection

    async def _migrate(self, connection: Connection) -> None:
        known = "SELECT to_regclass('alembic_version') IS NOT NULL"
        found = await connection.fetchval(VERSION) if await connection.fetchval(known) else None
        if due(found):
            await upgrade(self._url)

    async def _beat(self, lease: Lease, broke: Callable[[Exception], None] | None) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS if self._writer.fault is None else _PROBE_SECONDS)
            try:
                await self._writer.do(lease.beat)
            except StorageError:
                pass  # the writer's fault says it
            except Exception as error:  # noqa: BLE001 - a node that beats no more is given up by its neighbours
                if broke is not None:
                    broke(error)


def shown(url: str) -> str:
    """The URL without what is secret in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "postgresql://…"
    return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"
