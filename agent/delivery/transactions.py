# SPDX-License-Identifier: GPL-3.0-or-later
"""Many operations in one transaction of SQLite: what breaks one of them alone undoes it alone.

Runs in the storage thread, with as little Python as can be: SIP waits while it holds the interpreter.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NamedTuple, TypeAlias

from agent.delivery.opening import OpenFile, one_line
from agent.delivery.rows import Row, Value

Result: TypeAlias = bool | list[Row] | str
"""What came of an operation; a text says what went wrong."""

# What is wrong with one operation, not with the storage.
_OWN_FAULTS: Final = (
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    OverflowError,
    UnicodeError,
)


class Step(NamedTuple):
    """One statement; if it ``decides`` and changes no row, its operation is undone and answers False."""

    sql: str
    values: Sequence[Value]
    decides: bool = False


class Operation:
    """Steps that stand or fall together, or one query, and whom to tell.

    Attributes:
        steps: what it does.
        done: its answer.
        query: whether it only reads.
        wanted: by the loop's clock, when it is to begin; a query at once, whatever else waits.
    """

    __slots__ = ("done", "query", "steps", "wanted")

    def __init__(
        self, steps: tuple[Step, ...], done: asyncio.Future[bool | list[Row]], *, query: bool, wanted: float
    ) -> None:
        self.steps = steps
        self.query = query
        self.done = done
        self.wanted = wanted


def committed(file: OpenFile, batch: list[Operation]) -> tuple[list[Result], str | None]:
    """Run a batch: what came of each operation, and what is wrong with the storage, None where nothing is."""
    try:
        return _commit(file.connection(), batch)
    except Exception as error:  # noqa: BLE001 - an internal error must not leave callers waiting for ever
        file.rollback()
        return [one_line(error)] * len(batch), one_line(error)


def _commit(connection: sqlite3.Connection, batch: list[Operation]) -> tuple[list[Result], str | None]:
    """Run a batch: the writes in one transaction, then the queries, which see them."""
    fault: str | None = None
    results: list[Result] = [True] * len(batch)
    writes = [index for index, operation in enumerate(batch) if not operation.query]
    try:
        if writes:
            _write(connection, batch, writes, results)
    except sqlite3.Error as error:
        fault = one_line(error)
        for index in writes:
            results[index] = fault
        with suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
    for index, operation in enumerate(batch):
        if operation.query:
            (step,) = operation.steps
            try:
                results[index] = connection.execute(step.sql, step.values).fetchall()
            except (sqlite3.Error, OverflowError, UnicodeError) as error:
                results[index] = one_line(error)
    return results, fault


def _write(
    connection: sqlite3.Connection, batch: list[Operation], writes: list[int], results: list[Result]
) -> None:
    """Run the operations at `writes` of a batch in one transaction, and put down what came of each.

    A savepoint costs a copy of each page that is changed after it, and hardly any operation is ever undone
    half-way. So it goes without at first, and once more with them when one would have to be.
    """
    connection.execute("BEGIN IMMEDIATE")
    for index in writes:
        done, results[index] = _apply(connection, batch[index].steps)
        if done and results[index] is not True:
            connection.execute("ROLLBACK")
            connection.execute("BEGIN IMMEDIATE")
            for each in writes:
                results[each] = _apply_or_undo(connection, batch[each].steps)
            break
    connection.execute("COMMIT")


def _apply(connection: sqlite3.Connection, steps: tuple[Step, ...]) -> tuple[int, bool | str]:
    """Run one operation in the open transaction: how many of its steps stand, and what came of it.

    A statement that fails undoes itself, and one that decides against the operation changed nothing.
    """
    done = 0
    try:
        for sql, values, decides in steps:
            if connection.execute(sql, values).rowcount == 0 and decides:
                return done, False
            done += 1
    except _OWN_FAULTS as error:
        return done, one_line(error)
    return done, True


def _apply_or_undo(connection: sqlite3.Connection, steps: tuple[Step, ...]) -> bool | str:
    """Run one operation in the open transaction; none of its steps stands where one does not."""
    connection.execute("SAVEPOINT operation")
    _, result = _apply(connection, steps)
    if result is not True:
        connection.execute("ROLLBACK TO operation")
    connection.execute("RELEASE operation")
    return result
