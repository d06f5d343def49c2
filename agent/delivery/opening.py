# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening the SQLite file: private to its user, owned by one agent at a time, durable at each commit."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Final

from agent.core.errors import StorageError
from agent.delivery.schema import VERSION, due

_LOCK_WAIT_SECONDS: Final = 2.0  # a `signals` command may write at the same time, for milliseconds
_LOCK_PAUSE_SECONDS: Final = 0.02
_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # with WAL anything less may lose the last commits with the power
    "PRAGMA wal_autocheckpoint = 4000",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA temp_store = MEMORY",
)


def one_line(error: BaseException) -> str:
    """What an error says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def connected(path: Path, *, owner: bool) -> Iterator[sqlite3.Connection]:
    """Open the database, bring its tables up to date, and close it in the end. Blocks.

    Args:
        path: the file; it and its folder are made where they are not there.
        owner: take the lock that only one agent may hold; two would both deliver the same signals.

    Raises:
        StorageError: it can't be used; one line says why.
    """
    with ExitStack() as held:
        try:
            # Made by us and not by SQLite: what was said on the phone is nobody else's business.
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            if owner:
                held.enter_context(_owned(path))
            _migrate(path)
            connection = held.enter_context(
                closing(sqlite3.connect(path, timeout=_LOCK_WAIT_SECONDS, isolation_level=None))
            )
            for pragma in _PRAGMAS:
                _patiently(connection, pragma)
        except OSError as error:
            raise StorageError(f"storage {path} can't be used: {error.strerror}") from error
        except (sqlite3.Error, StorageError) as error:
            raise StorageError(f"storage {path} can't be used: {one_line(error)}") from error
        yield connection


def _patiently(connection: sqlite3.Connection, pragma: str) -> None:
    # SQLite does not wait by itself for the others while it changes to WAL, which a new file does once.
    until = time.monotonic() + _LOCK_WAIT_SECONDS
    while True:
        try:
            connection.execute(pragma)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_LOCK_PAUSE_SECONDS)
        else:
            return


def _migrate(path: Path) -> None:
    with closing(sqlite3.connect(path, timeout=_LOCK_WAIT_SECONDS, isolation_level=None)) as connection:
        found = _version(connection)
    if due(found):
        from agent.delivery.schema.steps import upgrade_sqlite  # noqa: PLC0415 - only when one is due

        upgrade_sqlite(path, _LOCK_WAIT_SECONDS)


def _version(connection: sqlite3.Connection) -> str | None:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
        return None
    row = connection.execute(VERSION).fetchone()
    return None if row is None else str(row[0])


@contextmanager
def _owned(path: Path) -> Iterator[None]:
    # A lock file of its own: SQLite's locks on the database are lost whenever any descriptor of it is closed.
    # The system gives the lock back when a process dies, however it dies.
    lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageError("another agent is using it: give each agent a storage of its own") from None
        yield
    finally:
        os.close(lock)
