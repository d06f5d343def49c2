# SPDX-License-Identifier: GPL-3.0-or-later
"""Searches of a SQLite file beside its writer: a million calls are looked through while signals go on.

Each search has a connection and a thread of its own, which waits inside SQLite without the interpreter; so
nothing is left open between them, and a file that was put back is found. There are few at a time, and each
is broken off when it takes too long.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from agent.core.errors import StorageError
from agent.delivery.opening import one_line
from agent.delivery.rows import Row, Value
from agent.delivery.schema import LOCK_WAIT_SECONDS

AT_ONCE: Final = 2
"""More wait for their turn."""
WAITING: Final = 16
LONGEST_SECONDS: Final = 5.0
_CLOSING_SECONDS: Final = 1.0
_STEPS: Final = 1_000_000
"""Of SQLite's machine, some 10 ms of them, after which a search looks whether it is still wanted."""


class Searches:
    """Reads from the file at `path`. Used on the loop thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._under_way: set[_Search] = set()
        self._closed = False

    async def read(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """The rows of one query; it sees all that was durable when it was asked.

        Raises:
            StorageError: the file can't be read, the search takes too long, or too many wait.
        """
        if self._waiting >= WAITING:
            raise StorageError(f"{WAITING} searches are under way: try again")
        self._waiting += 1
        try:
            async with self._turn:
                return await self._search(sql, values)
        finally:
            self._waiting -= 1

    async def aclose(self) -> None:
        """Break off what is under way; a disk that hangs is not waited for."""
        self._closed = True
        for search in self._under_way:
            search.stop()
        if ended := [search.done for search in self._under_way]:
            await asyncio.wait(ended, timeout=_CLOSING_SECONDS)

    async def _search(self, sql: str, values: Sequence[Value]) -> list[Row]:
        if self._closed:
            raise StorageError("the storage is closed")
        search = _Search(self._path, sql, values)
        self._under_way.add(search)
        search.done.add_done_callback(lambda _: self._under_way.discard(search))
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                found = await asyncio.shield(search.done)
        except TimeoutError:
            raise StorageError(
                f"the search took longer than {LONGEST_SECONDS:g} s: narrow it down, by time for one"
            ) from None
        finally:
            search.stop()
        if isinstance(found, str):
            raise StorageError(f"the storage can't be read: {found}")
        return found


class _Search:
    """One search, begun when it is made; `done` gives its rows, or what went wrong."""

    def __init__(self, path: Path, sql: str, values: Sequence[Value]) -> None:
        self.done: asyncio.Future[list[Row] | str] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._asked = path, sql, values
        self._stopped = False
        threading.Thread(target=self._run, name="search", daemon=True).start()

    def stop(self) -> None:
        """Break it off; one that is through stays so."""
        self._stopped = True  # SQLite's own interrupt is lost where it comes before the query

    # From here on: the thread.

    def _run(self) -> None:
        try:
            found: list[Row] | str = self._found()
        except Exception as error:  # noqa: BLE001 - an internal error must not leave anybody waiting
            found = one_line(error)
        with suppress(RuntimeError):  # the loop is closed: nobody is there to be told
            self._loop.call_soon_threadsafe(_tell, self.done, found)

    def _found(self) -> list[Row]:
        path, sql, values = self._asked
        # With an empty authority: of a path with two slashes the first name would be taken for it.
        place = f"file://{quote(str(path.absolute()))}?mode=ro"
        with closing(
            sqlite3.connect(place, uri=True, timeout=LOCK_WAIT_SECONDS, isolation_level=None)
        ) as connection:
            connection.set_progress_handler(lambda: self._stopped, _STEPS)
            return connection.execute(sql, values).fetchall()


def _tell(done: asyncio.Future[list[Row] | str], found: list[Row] | str) -> None:
    if not done.done():
        done.set_result(found)
