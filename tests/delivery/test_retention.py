# SPDX-License-Identifier: GPL-3.0-or-later
"""Old calls go by themselves, and a SQLite file that has reached its size keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from agent.core.model import Retention
from agent.core.moments import Moment, SignalState
from agent.core.records import CallRecord, Signal
from agent.delivery import retention
from agent.delivery.queries import CallQuery
from agent.delivery.retention import Keeper
from agent.delivery.sqlite import SqliteStore

MakeCall: TypeAlias = Callable[..., CallRecord]
MakeSignal: TypeAlias = Callable[..., Signal]

DAY = 86_400.0


def unheard(_where: str, error: Exception) -> None:
    raise error


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP_SECONDS", 0.0)


async def test_calls_older_than_the_days_go_however_many(store: SqliteStore, make_call: MakeCall) -> None:
    calls = [make_call(f"call-{number}", ended=number * DAY / 100) for number in range(450)]
    await asyncio.gather(*(store.open_call(call, None) for call in calls))
    keeper = Keeper(store, lambda: Retention(days=1), unheard, clock=lambda: 5 * DAY)
    assert await keeper.tidy() + len(await store.calls(CallQuery(limit=1000))) <= 450
    left = await store.calls(CallQuery(limit=1000))
    assert [call.call_id for call in left] == [f"call-{number}" for number in range(449, 399, -1)]
    await keeper.aclose()


async def test_the_file_stops_growing_once_there_are_as_many_calls_as_are_kept(
    tmp_path: Path, store: SqliteStore, make_call: MakeCall, make_signal: MakeSignal
) -> None:
    async def make(number: int) -> None:
        settled = {"state": SignalState.ACCEPTED, "parameters": {"p1": "x" * 900}}
        signal = make_signal(f"call-{number}", Moment.ARRIVAL, **settled)
        await store.open_call(make_call(f"call-{number}", ended=1.0), signal)

    keeper = Keeper(store, lambda: Retention(calls=300), unheard, clock=lambda: 1.0)
    sizes = []
    for batch in range(6):
        await asyncio.gather(*(make(batch * 300 + number) for number in range(300)))
        await keeper.tidy()
        await store._commits.read("PRAGMA wal_checkpoint(TRUNCATE)")
        sizes.append((tmp_path / "agent.db").stat().st_size)
        assert len(await store.calls(CallQuery(limit=1000))) == 300
    assert sizes[-1] < sizes[1] * 1.1
    await keeper.aclose()


async def test_an_error_of_ours_is_told_and_tidying_goes_on(
    store: SqliteStore, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "LOOK_SECONDS", 0.0)
    await store.open_call(make_call("call-1", ended=1.0), None)
    told: list[tuple[str, str]] = []

    def wanted() -> Retention:
        if not told:
            raise RuntimeError("odd")
        return Retention(days=1)

    keeper = Keeper(
        store, wanted, lambda where, error: told.append((where, str(error))), clock=lambda: 5 * DAY
    )
    async with asyncio.timeout(60):
        while await store.calls(CallQuery()):
            await asyncio.sleep(0)
    assert told == [("retention", "odd")]
    await keeper.aclose()
