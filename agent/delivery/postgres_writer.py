# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection to PostgreSQL that writes: what waits goes out in one transaction, many of a kind in one go.

A connection that breaks is opened anew and the transaction is repeated once. If it broke while it was being
committed, nobody knows whether it stands: what it added is taken back first, so that a caller who is told
"not recorded" can rely on it. While the database can't be had, writes fail at once and a beat each second
finds out when it can.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

import asyncpg

from agent.core.errors import StorageError
from agent.delivery.opening import one_line
from agent.delivery.postgres_session import LOST

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Undo: TypeAlias = tuple[str, tuple[object, ...]]
Rows: TypeAlias = list[tuple[Any, ...]]
Work: TypeAlias = Callable[[Connection, list[Undo]], Awaitable[Rows]]

COMMITS_PER_SECOND: Final = 100
"""Transactions a second under load; a write then waits for up to this share of a second."""
_BURST_SECONDS: Final = 0.2
MOST_AT_ONCE: Final = 256
CAPACITY: Final = 10_000
"""Operations that may wait; beyond that the storage is taken for stuck."""
ANSWER_SECONDS: Final = 5.0
"""How long one transaction, connecting included, may take."""
STUCK_SECONDS: Final = 3.0

_OWN_FAULT_CLASSES: Final = ("22", "23")  # data and integrity: one operation is wrong, not the database


class _Operation:
    """One statement or one piece of work, and whom to tell."""

    __slots__ = ("done", "sql", "undo", "values", "work")

    def __init__(
        self,
        done: asyncio.Future[Rows],
        *,
        sql: str = "",
        values: Sequence[object] = (),
        undo: Sequence[Undo] = (),
        work: Work | None = None,
    ) -> None:
        self.done = done
        self.sql = sql
        self.values = values
        self.undo = list(undo)
        self.work = work


class Writer:
    """The writing connection. Made and used on the loop thread.

    Args:
        connect: opens a connection; raises `OSError`, `TimeoutError` or asyncpg's errors when it can't.
        guard: asked in each transaction whether this process may still write; raises `StorageError` if not.
        on_fault: told when `fault` changes.
        probed: whether somebody calls `do` again and again, so that other writes need not find out by
            themselves that a fault has healed.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        guard: Callable[[Connection], Awaitable[None]],
        on_fault: Callable[[str | None], None] | None,
        *,
        probed: bool,
    ) -> None:
        self._probed = probed
        self._connect = connect
        self._guard = guard
        self._on_fault = on_fault
        self._loop = asyncio.get_running_loop()
        self._connection: Connection | None = None
        self._waiting: list[_Operation] = []
        self._wanted = asyncio.Event()
        self._undo: list[Undo] = []
        self._began: float | None = None
        self._due = 0.0
        self._fault: str | None = None
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    @property
    def fault(self) -> str | None:
        """Why nothing can be made durable now, in one line; None while all is well."""
        if self._began is not None and self._loop.time() - self._began > STUCK_SECONDS:
            return f"a write has not come back for more than {STUCK_SECONDS:.0f} s"
        return self._fault

    def start(self, connection: Connection) -> None:
        """Begin with a connection that is open already."""
        self._connection = connection
        self._task = self._loop.create_task(self._run())

    async def write(self, sql: str, *values: object, undo: Sequence[Undo] = ()) -> Rows:
        """Run a statement that ends in a number; returns what it gave beside that, once it is durable.

        Args:
            sql: the statement.
            values: its values without the number.
            undo: what takes it back.

        Raises:
            StorageError: nothing of it stands.
        """
        if self._fault is not None and self._probed:
            raise StorageError(f"the storage refused: {self._fault}")
        return await self._submit(_Operation(self._loop.create_future(), sql=sql, values=values, undo=undo))

    async def do(self, work: Work) -> Rows:
        """Run work in a transaction of its own, even while there is a fault: it may find that it healed.

        Raises:
            StorageError: nothing of it stands.
        """
        return await self._submit(_Operation(self._loop.create_future(), work=work))

    async def aclose(self) -> None:
        """Commit what waits, then close the connection."""
        if self._closing:
            return
        self._closing = True
        self._wanted.set()
        if self._task is not None:
            await self._task
        if self._connection is not None:
            try:
                await self._connection.close(timeout=ANSWER_SECONDS)
            except LOST:
                self._connection.terminate()

    async def _submit(self, operation: _Operation) -> Rows:
        if self._closing:
            raise StorageError("the storage is closed")
        if len(self._waiting) >= CAPACITY:
            raise StorageError(f"the storage is stuck: {CAPACITY} operations wait")
        self._waiting.append(operation)
        self._wanted.set()
        return await operation.done

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            await self._pace()
            batch = self._waiting[:MOST_AT_ONCE]
            del self._waiting[:MOST_AT_ONCE]
            if not batch:
                self._wanted.clear()
                if self._closing:
                    return
                continue
            self._began = self._loop.time()
            self._due = max(self._due, self._began) + 1 / COMMITS_PER_SECOND
            try:
                await self._commit(batch)
            except Exception as error:  # noqa: BLE001 - an internal error must not leave callers waiting
                self._drop()
                self._fail(batch, one_line(error))
            self._began = None

    async def _pace(self) -> None:
        """Wait for company once many transactions were begun; a lone write waits for none."""
        pause = self._due - _BURST_SECONDS - self._loop.time()
        await asyncio.sleep(0 if self._closing else max(0.0, pause))

    async def _commit(self, batch: Sequence[_Operation]) -> None:
        writes = [operation for operation in batch if operation.work is None]
        units = [writes] if writes else []
        units += [[operation] for operation in batch if operation.work is not None]
        for unit in units:
            try:
                await self._attempt(unit)
            except StorageError as error:
                self._note(str(error))
                self._fail(unit, str(error))

    async def _attempt(self, unit: Sequence[_Operation]) -> None:
        """Commit a unit; repeat it once on a new connection, and one by one where one of them is at fault.

        Raises:
            StorageError: the database can't be had; nobody of the unit was told yet.
        """
        for last in (False, True):
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    results = await self._transaction(unit)
            except LOST as error:
                if _own_fault(error):
                    await self._one_by_one(unit, error)
                    return
                self._drop()
                if last or isinstance(error, TimeoutError):
                    raise StorageError(_said(error)) from error
            else:
                self._note(None)
                for operation, rows in zip(unit, results, strict=True):
                    if not operation.done.done():  # else its caller was cancelled
                        operation.done.set_result(rows)
                return

    async def _one_by_one(self, unit: Sequence[_Operation], error: Exception) -> None:
        if len(unit) == 1:
            self._fail(unit, one_line(error))
            return
        for operation in unit:
            await self._attempt([operation])

    async def _transaction(self, unit: Sequence[_Operation]) -> list[Rows]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        connection = self._connection
        transaction = connection.transaction()
        await transaction.start()
        try:
            for sql, values in self._undo:
                await connection.execute(sql, *values)
            (first, *_) = unit
            if first.work is not None:
                results = [await first.work(connection, first.undo)]
            else:
                await self._guard(connection)
                results = await _run_all(connection, unit)
        except asyncio.CancelledError:  # out of time: nothing more is to be had of this connection
            self._drop()
            raise
        except Exception:
            with suppress(*LOST):
                await transaction.rollback()
            raise
        # From here until the answer comes it may stand or not.
        self._undo += [undo for operation in unit for undo in operation.undo]
        await transaction.commit()
        self._undo = []
        return results

    def _fail(self, unit: Sequence[_Operation], why: str) -> None:
        for operation in unit:
            if not operation.done.done():
                operation.done.set_exception(StorageError(f"the storage refused: {why}"))

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    def _note(self, fault: str | None) -> None:
        if fault != self._fault:
            self._fault = fault
            if self._on_fault is not None:
                self._on_fault(fault)


async def _run_all(connection: Connection, unit: Sequence[_Operation]) -> list[Rows]:
    """Run a unit's statements, those of a kind together; what each gave is told by its number."""
    kinds: dict[str, list[tuple[object, ...]]] = {}
    for number, operation in enumerate(unit):
        kinds.setdefault(operation.sql, []).append((*operation.values, number))
    results: list[Rows] = [[] for _ in unit]
    for sql, values in kinds.items():
        for number, *rest in await connection.fetchmany(sql, values):
            results[number].append(tuple(rest))
    return results


def _own_fault(error: BaseException) -> bool:
    state = str(getattr(error, "sqlstate", None) or "")
    # A value that can't be encoded is an InterfaceError that is a ValueError too.
    return state.startswith(_OWN_FAULT_CLASSES) or isinstance(error, ValueError)


def _said(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"PostgreSQL did not answer within {ANSWER_SECONDS:g} s"
    return f"PostgreSQL: {one_line(error)}"
