# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening the SQLite file: private to its user, owned by one agent at a time, durable at each commit."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from agent.core.errors import StorageError
from agent.delivery.schema import LOCK_WAIT_SECONDS, VERSION, due

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


class OpenFile:
    """The database file while it is open.

    SQLite would write for ever to a file that somebody has deleted, and all of it would be gone with the
    process. What is in such a file is still to be had, so it is put back in its place.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = _connect(path)
        self._known = path.stat()

    def connection(self) -> sqlite3.Connection:
        """The connection to the file that is in its place now.

        Raises:
            sqlite3.OperationalError: somebody put another file there, or it can't be put back.
        """
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._put_back()
        else:
            if not os.path.samestat(found, self._known):
                raise sqlite3.OperationalError(f"somebody replaced {self._path}: start the agent anew")
        return self._connection

    def rollback(self) -> None:
        """Undo what is not committed."""
        with suppress(sqlite3.Error):
            self._connection.rollback()

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def _put_back(self) -> None:
        aside = self._path.with_name(self._path.name + ".put-back")
        try:
            aside.unlink(missing_ok=True)
            _make(aside)
            self._connection.execute("VACUUM INTO ?", (str(aside),))
            for rest in ("-wal", "-shm"):  # of the deleted file, and no use to this one
                self._path.with_name(self._path.name + rest).unlink(missing_ok=True)
            aside.rename(self._path)
            fresh = _connect(self._path)
        except OSError as error:
            raise sqlite3.OperationalError(
                f"somebody deleted {self._path}, and it can't be put back: {error.strerror}"
            ) from error
        self._connection.close()
        self._connection, self._known = fresh, self._path.stat()


def _make(path: Path) -> None:
    # Made by us and not by SQLite: what was said on the phone is nobody else's business.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=LOCK_WAIT_SECONDS, isolation_level=None)
    try:
        for pragma in _PRAGMAS:
            _patiently(connection, pragma)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextmanager
def connected(path: Path, upgrade: Callable[[str], None], *, owner: bool) -> Iterator[OpenFile]:
    """Open the database, bring its tables up to date, and close it in the end. Blocks.

    Args:
        path: the file; it and its folder are made where they are not there.
        upgrade: brings the storage of this URL up to date.
        owner: take the lock that only one agent may hold; two would both deliver the same signals.

    Raises:
        StorageError: it can't be used; one line says why.
    """
    with ExitStack() as held:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make(path)
            if owner:
                held.enter_context(_owned(path))
            if _is_old(path):
                upgrade(f"sqlite://{path}")
            file = held.enter_context(closing(OpenFile(path)))
        except (FileExistsError, NotADirectoryError) as error:
            raise StorageError(
                f"storage {path} can't be used: {error.filename} is no folder, or not below one"
            ) from error
        except OSError as error:
            raise StorageError(f"storage {path} can't be used: {error.strerror}") from error
        except (sqlite3.Error, StorageError, ValueError) as error:  # the last: no file's name
            raise StorageError(f"storage {path} can't be used: {one_line(error)}") from error
        yield file


def _patiently(connection: sqlite3.Connection, pragma: str) -> None:
    # SQLite does not wait by itself for the others while it changes to WAL, which a new file does once.
    until = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        try:
            connection.execute(pragma)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_LOCK_PAUSE_SECONDS)
        else:
            return


def _is_old(path: Path) -> bool:
    with closing(sqlite3.connect(path, timeout=LOCK_WAIT_SECONDS, isolation_level=None)) as connection:
        return due(_version(connection))


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
