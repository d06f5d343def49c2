# SPDX-License-Identifier: GPL-3.0-or-later
"""A real store that fails where a test wants it to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import cast

from agent.core.errors import StorageError
from agent.core.moments import Moment
from agent.core.records import CallRecord, Channel, Signal
from agent.delivery.queries import SignalQuery
from agent.delivery.sqlite import SqliteStore
from agent.delivery.store import Store


class Fault(Enum):
    """What becomes of one operation."""

    BEFORE = "fails, and nothing of it stands"
    AFTER = "is durable, and fails all the same"
    HANG = "hangs, and all after it, until they are released; then they are durable"


class FaultyStore:
    """Passes everything on to a real store, but for what is planned.

    Attributes:
        trail: the operations, in order.
        given: the signals that it was to record, as they were then.
        plan: what becomes of the n-th call of an operation.
        fault: what the store says of itself.
        fails_when_released: whether the operation that hung comes to nothing in the end.
    """

    def __init__(self, real: SqliteStore) -> None:
        self.trail: list[str] = []
        self.given: list[Signal] = []
        self.plan: dict[tuple[str, int], Fault] = {}
        self.fault: str | None = None
        self.fails_when_released = False
        self._real = real
        self._hangs = False
        self._released = asyncio.Event()
        self._busy = 0
        self._rested = asyncio.Event()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[object]]:
        real = getattr(self._real, name)

        async def through(*values: object, **named: object) -> object:
            self.given.extend(one for one in values if isinstance(one, Signal))
            return await self._through(name, lambda: real(*values, **named))

        return through

    @property
    def as_store(self) -> Store:
        """The same; its operations are the real store's, whatever their signatures are."""
        return cast("Store", self)

    @property
    def busy(self) -> bool:
        """Whether an operation is under way that does not hang."""
        return self._busy > 0

    @property
    def commits_at(self) -> float:
        """When what waits for company will have it no longer, by the loop's clock; 0 when nothing waits."""
        commits = self._real._commits
        return commits._next_at if commits._next is not None else 0.0

    async def rested(self) -> None:
        """Wait until one of those that are under way is done."""
        self._rested.clear()
        await self._rested.wait()

    def release(self) -> None:
        """Let all that hangs go on, and nothing hang any more."""
        self._hangs = False
        self.plan.clear()
        self._released.set()

    async def _through(self, name: str, real: Callable[[], Awaitable[object]]) -> object:
        self.trail.append(name)
        fault = self.plan.get((name, self.trail.count(name)))
        if fault is Fault.BEFORE:
            raise StorageError("the storage refused")
        if fault is Fault.HANG:
            self._hangs = True
        if self._hangs:
            await self._released.wait()  # those who wait go on in their order
            if fault is Fault.HANG and self.fails_when_released:
                raise StorageError("the storage gave up")
        self._busy += 1
        try:
            found = await real()
        finally:
            self._busy -= 1
            self._rested.set()
        if fault is Fault.AFTER:
            raise StorageError("the storage broke off")
        return found

    # -- what is on disk, past all faults ------------------------------------------------------------------

    async def on_disk(self, call_id: str) -> CallRecord | None:
        """A call."""
        return await self._real.call(call_id)

    async def signals_on_disk(self, call_id: str, channel: Channel = Channel.SIGNAL) -> list[Signal]:
        """Its signals, oldest first."""
        return list(reversed(await self._real.signals(SignalQuery(call_id, channel=channel))))

    async def terminal_on_disk(self, call_id: str) -> list[Moment]:
        """Its terminal moments."""
        return [one.moment for one in await self.signals_on_disk(call_id) if one.moment.terminal]
