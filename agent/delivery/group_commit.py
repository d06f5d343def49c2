# SPDX-License-Identifier: GPL-3.0-or-later
"""One thread that writes to SQLite for the event loop: what waits is committed together, with one fsync.

The loop builds statements and values and hands over all that came together; the thread runs them in one
transaction and answers with one `call_soon_threadsafe`. It does next to no work in Python, since SIP waits
while it holds the interpreter. An operation that breaks a constraint is undone alone; a disk that is full or
gone fails the whole transaction, and nothing of it stands.

A transaction begins at once when none is under way; what comes meanwhile is the next one. So a lone call
never waits, and the busier the disk, the more share a commit, which costs some ten times what a row does.
Writes for which nobody waits begin none by themselves until their patience is over: they ride along.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from pathlib import Path
from typing import Final

from agent.core.errors import StorageError
from agent.delivery.opening import OpenFile, connected
from agent.delivery.rows import Row, Value
from agent.delivery.schema.child import upgrade
from agent.delivery.transactions import Operation, Result, Step, committed

PATIENCE_SECONDS: Final = 0.05
"""How long a write for which no call waits may be held back for company that must be committed at once."""
MOST_AT_ONCE: Final = 256
"""Operations in one transaction: enough to share the fsync, few enough to keep its answer near."""
CAPACITY: Final = 10_000
"""Operations that may wait; beyond that the storage is taken for stuck."""
PROBE_SECONDS: Final = 1.0
STUCK_SECONDS: Final = 3.0
"""A transaction that takes longer is a fault, though it may come to a good end."""

_PROBE: Final = "INSERT INTO probe VALUES (1, unixepoch()) ON CONFLICT DO UPDATE SET at = excluded.at"


class GroupCommit:
    """The writer of one SQLite file. Made and used on the loop thread; `open` before all else.

    Args:
        path: the database file; its folder must exist.
        on_fault: told on the loop when `fault` changes.
        owner: whether this is the agent that delivers from here; there can be only one at a time.
    """

    def __init__(
        self, path: Path, on_fault: Callable[[str | None], None] | None = None, *, owner: bool = True
    ) -> None:
        self._path = path
        self._on_fault = on_fault
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._batches: queue.SimpleQueue[list[Operation] | None] = queue.SimpleQueue()
        self._waiting: list[Operation] = []
        self._committing = False
        self._next: asyncio.Handle | None = None
        self._next_at = 0.0  # of a transaction that is to begin later, or in the next turn of the loop
        self._began = 0.0
        self._fault: str | None = None
        self._probing: asyncio.TimerHandle | None = None
        self._opened: asyncio.Future[StorageError | None] = self._loop.create_future()
        self._ended = self._loop.create_future()
        self._closing = False
        self._rested = asyncio.Event()
        self._upgrading: Future[None] | None = None
        # A daemon, so that a loop that died without closing does not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="storage", daemon=True)

    @property
    def fault(self) -> str | None:
        """Why the last transaction failed, or that one hangs; None while all is well."""
        if self._committing and self._loop.time() - self._began > STUCK_SECONDS:
            return f"a write has not come back for more than {STUCK_SECONDS:.0f} s"
        return self._fault

    async def open(self) -> None:
        """Start the thread and open the file.

        Raises:
            StorageError: it can't be used; one line says why and what would be right.
            asyncio.CancelledError: it was given up; the file is closed as soon as that can be.
        """
        self._thread.start()
        try:
            error = await asyncio.shield(self._opened)  # the thread answers all the same
        except asyncio.CancelledError:
            self._give_up()
            raise
        if error is not None:
            self._closing = True
            await self._ended
            raise error

    def _give_up(self) -> None:
        """Nobody waits for the file any more: the thread closes it once it has it, and is not waited for."""
        self._closing = True
        if self._upgrading is not None:
            self._upgrading.cancel()
        self._batches.put(None)

    async def write(self, *steps: Step, patient: bool = False) -> bool:
        """Run the steps as one unit; returns once they are on disk.

        Args:
            steps: the statements.
            patient: they may wait a little for others; nothing that a caller hears hangs on them.

        Returns:
            False if a deciding step changed nothing; then none of them stands.

        Raises:
            StorageError: nothing of it stands.
        """
        return await self._submit(steps, query=False, patience=PATIENCE_SECONDS if patient else 0.0) is True

    async def read(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """The rows of one query; it sees all that was durable when it was asked.

        Raises:
            StorageError: the storage can't be read.
        """
        rows = await self._submit((Step(sql, values),), query=True)
        return rows if isinstance(rows, list) else []

    async def aclose(self) -> None:
        """Commit what waits, then end the thread."""
        if self._closing:
            return
        self._closing = True
        if self._probing is not None:
            self._probing.cancel()
        while self._waiting or self._committing:
            self._hand_over()
            await self._rested.wait()
        self._batches.put(None)
        await self._ended
        self._thread.join()  # its last act was to say that it ended

    def _submit(
        self, steps: tuple[Step, ...], *, query: bool, patience: float = 0.0
    ) -> asyncio.Future[bool | list[Row]]:
        if self._closing:
            raise StorageError("the storage is closed")
        if len(self._waiting) >= CAPACITY:
            raise StorageError(f"the storage is stuck: {CAPACITY} operations wait")
        done: asyncio.Future[bool | list[Row]] = self._loop.create_future()
        wanted = self._loop.time() + patience
        self._waiting.append(Operation(steps, done, query=query, wanted=wanted))
        if not self._committing:
            self._schedule(wanted)
        return done

    def _schedule(self, wanted: float) -> None:
        """Let a transaction begin when its most urgent operation wants it."""
        if self._next is not None:
            if self._next_at <= wanted:
                return
            self._next.cancel()
        self._next_at = wanted
        if wanted <= self._loop.time():
            self._next = self._loop.call_soon(self._hand_over)  # with what else this turn of the loop brings
        else:
            self._next = self._loop.call_at(wanted, self._hand_over)

    def _hand_over(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._committing or not self._waiting:
            return
        self._committing = True
        self._rested.clear()
        self._began = self._loop.time()
        batch = self._waiting[:MOST_AT_ONCE]
        del self._waiting[:MOST_AT_ONCE]
        self._batches.put(batch)

    def _resolve(self, batch: list[Operation], results: list[Result], fault: str | None) -> None:
        self._committing = False
        self._rested.set()
        if self._waiting:
            wanted = min(operation.wanted for operation in self._waiting)
            if wanted <= self._loop.time():
                self._hand_over()  # before anybody is told: the disk works while they go on
            else:
                self._schedule(wanted)
        if not all(operation.query for operation in batch):
            self._note(fault)
        for operation, result in zip(batch, results, strict=True):
            if operation.done.done():  # its caller was cancelled
                continue
            if isinstance(result, str):
                operation.done.set_exception(StorageError(f"the storage refused: {result}"))
            else:
                operation.done.set_result(result)

    def _note(self, fault: str | None) -> None:
        if fault is not None and not self._closing and self._probing is None:
            self._probing = self._loop.call_later(PROBE_SECONDS, self._probe)
        if fault != self._fault:
            self._fault = fault
            if self._on_fault is not None:
                self._on_fault(fault)

    def _probe(self) -> None:
        self._probing = None
        with suppress(StorageError):
            # The answer goes to `_note`; the exception is taken so that nobody misses it.
            self._submit((Step(_PROBE, ()),), query=False).add_done_callback(
                lambda done: done.cancelled() or done.exception()
            )

    # From here on: the storage thread.

    def _run(self) -> None:
        try:
            with connected(self._path, self._upgrade, owner=self._owner) as file:
                self._tell(self._opened.set_result, None)
                self._serve(file)
        except StorageError as error:
            self._tell(self._opened.set_result, error)
        self._tell(self._ended.set_result, None)

    def _upgrade(self, storage: str) -> None:
        """Let the loop have the tables made: what is cancelled there takes its child with it."""
        self._upgrading = asyncio.run_coroutine_threadsafe(upgrade(storage), self._loop)
        if self._closing:  # it was given up in between
            self._upgrading.cancel()
        try:
            self._upgrading.result()
        except CancelledError:
            raise StorageError("the start was given up") from None

    def _serve(self, file: OpenFile) -> None:
        while (batch := self._batches.get()) is not None:
            self._tell(self._resolve, batch, *committed(file, batch))

    def _tell(self, callback: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is there to be told
            self._loop.call_soon_threadsafe(callback, *arguments)
