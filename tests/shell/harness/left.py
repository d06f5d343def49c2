# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process that is gone left in a storage, and the next one on it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from agent.calls.recovery import Recovery
from agent.core.model import Project
from agent.core.moments import Moment, SignalState
from agent.core.records import CallRecord, Signal
from agent.delivery.courier import Courier
from agent.delivery.sqlite import SqliteStore
from tests.core.examples import record
from tests.shell.harness.settings import care
from tests.shell.harness.storage import FaultyStore

UP = record(call_id="c-up", state="bridged", began=1000.0)
KEPT = record(call_id="c-kept", state="kept", began=1000.0)
OVER = record(call_id="c-over", state="ended", ended=1500.0, end="caller", reason="caller_hung_up")


def signal(call: CallRecord, moment: Moment, state: SignalState) -> Signal:
    ids = (f"s-{call.call_id}-{moment.value}", call.call_id, "acme", "care", call.contact_id)
    return Signal(*ids, moment, {"p1": moment.value}, time.time(), time.time() + 3600, state)


class Delivery:
    """A courier that only notes what it is given."""

    def __init__(self) -> None:
        self.begun: list[Signal] = []
        self.done: list[str] = []

    def begin(self, signal: Signal) -> None:
        """Note it."""
        self.begun.append(signal)
        self.done.append(f"begin {signal.call_id} {signal.moment.value}")

    def take_up(self, signals: Iterable[Signal]) -> None:
        """Note them."""
        self.done.extend(f"take up {one.call_id} {one.moment.value}" for one in signals)

    def cancel(self, call_id: str, moment: Moment | None = None) -> None:
        """Note it."""
        self.done.append(f"cancel {call_id}{f' {moment.value}' if moment else ''}")


class Next:
    """The process that comes next, on the same storage."""

    def __init__(self, store: SqliteStore, project: Project | None) -> None:
        self.store = FaultyStore(store)
        self.courier = Delivery()
        courier = cast("Courier", self.courier)
        self.recovery = Recovery(self.store.as_store, courier, lambda _account, _name: project)

    async def ended(self, call: CallRecord) -> tuple[str, str, str]:
        """How a call ended on disk: state, end, reason."""
        found = await self.store.on_disk(call.call_id)
        assert found is not None
        assert (found.ended is None) is (found.state != "ended")
        return found.state, found.end, found.reason

    async def moments(self, call: CallRecord) -> list[tuple[Moment, SignalState]]:
        """Its signals on disk."""
        return [(one.moment, one.state) for one in await self.store.signals_on_disk(call.call_id)]


class Left:
    """What an earlier process leaves in a storage, and who comes after it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: list[SqliteStore] = []

    async def by(
        self, *calls: CallRecord, signals: Iterable[Signal] = (), project: Project | None = None
    ) -> Next:
        """The next process, after one that left this."""
        before = await SqliteStore.open(self._path)
        for call in calls:
            await before.open_call(call, None)
            await before.update_call(call)
        for one in signals:
            assert await before.record_signal(one)
        await before.aclose()
        return await self.next(project or care())

    async def next(self, project: Project | None) -> Next:
        """The process after the last one."""
        await self.aclose()
        store = await SqliteStore.open(self._path)
        self._open.append(store)
        return Next(store, project)

    async def aclose(self) -> None:
        """The last process ends."""
        for store in self._open:
            await store.aclose()
        self._open.clear()
