# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls are found by all that an operator may have at hand, page by page; and no search holds a call up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from agent.core.errors import StorageError
from agent.core.records import CallRecord
from agent.delivery import searches
from agent.delivery.queries import CallQuery, Standing
from agent.delivery.searches import Searches
from agent.delivery.sqlite import SqliteStore
from agent.delivery.store import Store

MakeCall: TypeAlias = Callable[..., CallRecord]

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"

CALLS: dict[str, dict[str, Any]] = {
    "c-1": {"began": 1000.0, "ended": 1100.0, "end": "caller", "reason": "caller_hung_up"},
    "c-2": {"began": 2000.0, "ended": 2100.0, "end": "failed", "reason": "no_agent", "number": "0100"},
    "c-3": {"began": 2000.0, "carrier": "nice-eu1", "master_id": "4711", "number": "9995550101"},
    "c-4": {"began": 2000.0, "project": "acme-sales", "contact_id": "4712", "number": "+19995550100"},
    "c-6": {"began": 500.0, "ended": 501.0, "contact_id": "9", "master_id": "9", "number": "012"},
    "c-5": {"began": 3000.0, "contact_id": "4713", "master_id": "", "sip_call_id": "sip-5", "number": ""},
}


@pytest.fixture
async def store(each_store: Store, make_call: MakeCall) -> Store:
    """Six calls, in a store of each kind."""
    for call_id, changes in CALLS.items():
        await each_store.open_call(make_call(call_id, **changes), None)
    return each_store


async def found(store: Store, **wanted: Any) -> list[str]:  # noqa: ANN401 - any field of a query
    return [call.call_id for call in await store.calls(CallQuery(**wanted))]


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({}, "c-5 c-4 c-3 c-2 c-1 c-6"),
        ({"call_id": "c-3"}, "c-3"),
        ({"contact_id": "4711"}, "c-3 c-2 c-1"),
        ({"master_id": "4710"}, "c-4 c-2 c-1"),
        ({"master_id": "4711"}, "c-3"),
        ({"sip_call_id": "sip-5"}, "c-5"),
        ({"any_id": "c-3"}, "c-3"),
        ({"any_id": "4711"}, "c-3 c-2 c-1"),
        ({"any_id": "4710"}, "c-4 c-2 c-1"),
        ({"any_id": "sip-5"}, "c-5"),
        ({"any_id": "4"}, ""),
        ({"number": "9995550100"}, "c-4 c-1"),
        ({"number": "+19995550100"}, "c-4"),
        ({"number": "0100"}, "c-4 c-2 c-1"),
        ({"number": "012"}, "c-6"),
        ({"number": "12"}, ""),
        ({"number": "50100"}, "c-4 c-1"),
        ({"number": "100"}, ""),
        ({"number": "99999995550100"}, ""),
        ({"project": "acme-sales"}, "c-4"),
        ({"carrier": "nice-eu1"}, "c-3"),
        ({"end": "failed"}, "c-2"),
        ({"reason": "caller_hung_up"}, "c-1"),
        ({"standing": Standing.LIVE}, "c-5 c-4 c-3"),
        ({"standing": Standing.OVER}, "c-2 c-1 c-6"),
        ({"since": 2000.0, "until": 3000.0}, "c-4 c-3 c-2"),
        ({"before": (2000.0, "c-4")}, "c-3 c-2 c-1 c-6"),
        ({"before": (2000.0, "c-3"), "limit": 1}, "c-2"),
        ({"before": (2000.0, "c-0")}, "c-1 c-6"),
        ({"number": "0100", "project": "acme-care", "since": 1500.0}, "c-2"),
        ({"contact_id": "4711", "end": "failed"}, "c-2"),
    ],
)
async def test_calls_are_found_by_all_that_is_given(store: Store, wanted: dict[str, Any], ids: str) -> None:
    assert await found(store, **wanted) == ids.split()


async def test_pages_have_each_call_once_though_more_come(store: Store, make_call: MakeCall) -> None:
    seen: list[str] = []
    page = await store.calls(CallQuery(limit=2))
    while page:
        seen += [call.call_id for call in page]
        await store.open_call(make_call(f"c-{len(seen) + 7}", began=4000.0), None)
        page = await store.calls(CallQuery(limit=2, before=page[-1].place))
    assert seen == ["c-5", "c-4", "c-3", "c-2", "c-1", "c-6"]


async def test_a_search_that_takes_long_holds_up_no_call_and_is_broken_off(
    tmp_path: Path, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searches, "LONGEST_SECONDS", 0.5)
    store = await SqliteStore.open(tmp_path / "agent.db")
    long = asyncio.ensure_future(store._searches.read(ENDLESS))
    await asyncio.sleep(0)
    await store.open_call(make_call(), None)
    assert not long.done()
    with pytest.raises(StorageError, match=r"longer than 0\.5 s: narrow it down"):
        await long
    assert await found(store) == ["call-1"]
    await store.aclose()


async def test_more_searches_than_can_wait_are_refused(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "agent.db")
    many = [asyncio.ensure_future(store._searches.read(ENDLESS)) for _ in range(searches.WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(StorageError, match="16 searches are under way: try again"):
        await store.calls(CallQuery())
    await store.aclose()
    assert all(isinstance(one, StorageError) for one in await asyncio.gather(*many, return_exceptions=True))


async def test_a_search_whose_asker_is_gone_is_broken_off(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "agent.db")
    asked = [asyncio.ensure_future(store._searches.read(ENDLESS)) for _ in range(searches.AT_ONCE)]
    await asyncio.sleep(0)
    under_way = [search.done for search in store._searches._under_way]
    for one in asked:
        one.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    assert await asyncio.gather(*under_way) == ["interrupted", "interrupted"]
    assert await store.calls(CallQuery()) == ()
    await store.aclose()


async def test_a_file_that_can_not_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="can't be read: unable to open database file"):
        await Searches(tmp_path / "none.db").read("SELECT 1")
    (tmp_path / "other.db").write_text("what is no database, however long it is " * 50)
    with pytest.raises(StorageError, match="can't be read: file is not a database"):
        await Searches(tmp_path / "other.db").read("SELECT * FROM calls")


async def test_a_path_that_begins_with_two_slashes_is_read_as_it_is_written(
    tmp_path: Path, make_call: MakeCall
) -> None:
    store = await SqliteStore.open(Path(f"/{tmp_path}/a b?#%20.db"))
    await store.open_call(make_call("c-1"), None)
    assert await found(store) == ["c-1"]
    await store.aclose()


async def test_what_is_no_text_finds_nothing_or_is_refused(store: Store) -> None:
    """An id from a form may be anything."""
    for text in ("%", "'", "_", "x" * 10_000):
        assert await found(store, any_id=text) == []
        assert await found(store, number=text) == []
    with pytest.raises(StorageError):
        await store.calls(CallQuery(any_id="\0\ud800"))
