# SPDX-License-Identifier: GPL-3.0-or-later
"""What is SQLite's own: the file, its lock, its thread; and what no statement can break."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import pytest

from agent.core.errors import StorageError
from agent.core.moments import Moment
from agent.core.records import CallRecord, Signal
from agent.delivery.schema import HEAD
from agent.delivery.sqlite import SqliteStore
from agent.delivery.store import NO_ORPHANS
from agent.delivery.stores import open_store

MakeCall: TypeAlias = Callable[..., CallRecord]
MakeSignal: TypeAlias = Callable[..., Signal]

TERMINAL = [moment for moment in Moment if moment.terminal]


async def test_it_is_all_there_after_a_restart(tmp_path: Path, make_call: MakeCall) -> None:
    path = tmp_path / "agent.db"
    first = await SqliteStore.open(path)
    await first.open_call(make_call(), None)
    await first.aclose()
    second = await SqliteStore.open(path)
    assert await second.call("call-1") == make_call()
    await second.aclose()


async def test_what_was_left_is_taken_over_in_parts_and_nothing_that_is_recorded_meanwhile(
    tmp_path: Path, make_call: MakeCall, make_signal: MakeSignal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.delivery.sqlite._AT_ONCE", 2)
    first = await SqliteStore.open(tmp_path / "agent.db")
    await first.open_call(make_call(), None)
    left = [make_signal(f"call-{number}", recorded=1000.0 + number // 2) for number in range(5)]
    for signal in left:
        await first.record_signal(signal)
    await first.aclose()

    second = await SqliteStore.open(tmp_path / "agent.db")
    parts = [await second.take_over()]
    await second.record_signal(make_signal("call-9", recorded=2000.0))
    while parts[-1] != NO_ORPHANS:
        parts.append(await second.take_over())
    assert [len(part.signals) for part in parts] == [2, 2, 1, 0]
    assert [signal for part in parts for signal in part.signals] == left
    assert [part.calls for part in parts] == [(), (), (make_call(),), ()]  # after their signals
    await second.aclose()


async def test_no_statement_can_break_the_one_terminal_signal(
    tmp_path: Path, store: SqliteStore, make_signal: MakeSignal
) -> None:
    await store.record_signal(make_signal(moment=Moment.ARRIVAL))
    await store.record_signal(make_signal(moment=Moment.FAILED))
    with closing(sqlite3.connect(tmp_path / "agent.db", isolation_level=None)) as other:
        copy = "INSERT INTO signals SELECT 'other', call_id, account, project, contact_id, ?, parameters,"
        for moment in TERMINAL:
            with pytest.raises(sqlite3.IntegrityError):
                other.execute(copy + " recorded, expires, state, channel FROM signals", (moment.value,))
        with pytest.raises(sqlite3.IntegrityError):
            other.execute("UPDATE signals SET moment = 'handoff' WHERE moment = 'arrival'")
        with pytest.raises(sqlite3.IntegrityError):
            other.execute("UPDATE signals SET channel = 'webhook' WHERE moment = 'failed'")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("rubbish.db/agent.db", r"rubbish\.db is no folder, or not below one"),
        ("folder", "Is a directory"),
        ("rubbish.db", "file is not a database"),
        ("newer.db", f"version 0099, this agent knows {HEAD}: use the newer agent"),
    ],
)
async def test_a_path_that_can_t_be_used_is_said_in_one_line(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "rubbish.db").write_bytes(b"not a database, by no means " * 100)
    with closing(sqlite3.connect(tmp_path / "newer.db")) as newer:
        newer.execute("CREATE TABLE alembic_version AS SELECT '0099' AS version_num")
    with pytest.raises(StorageError, match=why) as caught:
        await SqliteStore.open(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


async def test_a_kind_of_storage_that_is_not_built_in_is_refused() -> None:
    with pytest.raises(StorageError, match="oracle:// is not built in"):
        await open_store("oracle://db/agent")


async def test_two_agents_can_t_own_one_storage_but_a_command_may_look(
    tmp_path: Path, store: SqliteStore, make_call: MakeCall
) -> None:
    with pytest.raises(StorageError, match="another agent is using it"):
        await SqliteStore.open(tmp_path / "agent.db")
    await store.open_call(make_call(), None)
    command = await SqliteStore.open(tmp_path / "agent.db", owner=False)
    assert await command.call("call-1") == make_call()
    await command.aclose()
    assert await store.call("call-1") == make_call()


async def test_the_file_is_for_its_user_alone(
    tmp_path: Path, store: SqliteStore, make_call: MakeCall
) -> None:
    await store.open_call(make_call(), None)
    for name in ("agent.db", "agent.db-wal", "agent.db-shm", "agent.db.lock"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0, name


async def test_after_closing_nothing_is_taken_and_the_thread_is_gone(
    tmp_path: Path, make_call: MakeCall
) -> None:
    store = await SqliteStore.open(tmp_path / "agent.db")
    begun = asyncio.gather(*(store.open_call(make_call(f"call-{n}"), None) for n in range(50)))
    await asyncio.sleep(0)
    await store.aclose()
    await store.aclose()
    await begun  # what was begun is finished
    with pytest.raises(StorageError, match="closed"):
        await store.update_call(make_call())
    assert not store._commits._thread.is_alive()


async def test_a_name_that_no_file_can_have_is_an_error_and_nobody_waits_for_ever(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        with pytest.raises(StorageError, match="can't be used: embedded null byte"):
            await SqliteStore.open(tmp_path / "a\0b.db")
