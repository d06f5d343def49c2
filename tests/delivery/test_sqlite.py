# SPDX-License-Identifier: GPL-3.0-or-later
"""The SQLite store: what it says is durable is there, and one terminal signal per call is for ever."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest

from agent.core.errors import StorageError
from agent.core.moments import Moment, SignalState
from agent.core.records import Attempt, CallRecord, Handoff, Signal
from agent.delivery.migrations import MIGRATIONS
from agent.delivery.sqlite import SqliteStore, open_store

MakeCall: TypeAlias = Callable[..., CallRecord]
MakeSignal: TypeAlias = Callable[..., Signal]
MakeHandoff: TypeAlias = Callable[..., Handoff]

TERMINAL = [moment for moment in Moment if moment.terminal]


async def test_what_goes_in_comes_out(
    store: SqliteStore, make_call: MakeCall, make_signal: MakeSignal, make_handoff: MakeHandoff
) -> None:
    call, arrival, terminal = make_call(), make_signal(moment=Moment.ARRIVAL), make_signal(recorded=1001.0)
    handoff = make_handoff()
    await store.open_call(call, arrival)
    assert await store.record_handoff(handoff, terminal)
    assert await store.call("call-1") == call
    assert await store.signal(arrival.signal_id) == arrival
    assert await store.signals(call_id="call-1") == (terminal, arrival)
    assert await store.pending() == (arrival, terminal)
    assert await store.handoff("handoff-1") == handoff
    assert (await store.call("none"), await store.signal("none"), await store.handoff("none")) == (None,) * 3


async def test_it_is_all_there_after_a_restart(tmp_path: Path, make_call: MakeCall) -> None:
    path = tmp_path / "agent.db"
    first = await SqliteStore.open(path)
    await first.open_call(make_call(), None)
    await first.aclose()
    second = await SqliteStore.open(path)
    assert await second.call("call-1") == make_call()
    await second.aclose()


async def test_a_call_is_updated_and_found_live_by_node_and_by_contact(
    store: SqliteStore, make_call: MakeCall
) -> None:
    await store.open_call(make_call("call-1"), None)
    await store.open_call(make_call("call-2", node="edge-2", contact_id="4712"), None)
    ended = make_call("call-1", state="ended", answered=1001.0, ended=1002.0, end="caller", reason="x")
    await store.update_call(ended)
    assert await store.call("call-1") == ended
    assert [call.call_id for call in await store.calls()] == ["call-2", "call-1"]
    assert [call.call_id for call in await store.calls(live=True)] == ["call-2"]
    assert [call.call_id for call in await store.calls(live=True, node="edge-1")] == []
    assert [call.call_id for call in await store.calls(live=False, contact_id="4711")] == ["call-1"]
    assert len(await store.calls(limit=1)) == 1


async def test_a_call_that_could_not_be_opened_is_recorded_with_its_update(
    store: SqliteStore, make_call: MakeCall
) -> None:
    await store.update_call(make_call(state="bridged"))
    assert await store.call("call-1") == make_call(state="bridged")


@pytest.mark.parametrize("first", TERMINAL)
@pytest.mark.parametrize("second", TERMINAL)
async def test_a_call_has_one_terminal_signal_for_ever(
    store: SqliteStore, make_signal: MakeSignal, make_handoff: MakeHandoff, first: Moment, second: Moment
) -> None:
    won = make_signal(moment=first)
    assert await store.record_signal(won) == won
    assert await store.record_signal(make_signal(moment=second)) is None
    await store.update_signal(won.signal_id, SignalState.CANCELLED, None)  # settled or not: it was the one
    assert await store.record_signal(make_signal(moment=second)) is None
    assert not await store.record_handoff(make_handoff(), make_signal())
    assert not await store.record_handoff(make_handoff(), None)
    assert await store.handoff("handoff-1") is None
    assert len(await store.signals(call_id="call-1")) == 1


async def test_of_many_who_ask_at_once_one_wins(store: SqliteStore, make_signal: MakeSignal) -> None:
    asked = [make_signal(moment=TERMINAL[number % 3]) for number in range(60)]
    answers = await asyncio.gather(*(store.record_signal(signal) for signal in asked))
    assert answers == [asked[0]] + [None] * 59


async def test_no_statement_can_break_the_one_terminal_signal(
    tmp_path: Path, store: SqliteStore, make_signal: MakeSignal
) -> None:
    await store.record_signal(make_signal(moment=Moment.ARRIVAL))
    await store.record_signal(make_signal(moment=Moment.FAILED))
    with closing(sqlite3.connect(tmp_path / "agent.db", isolation_level=None)) as other:
        copy = "INSERT INTO signals SELECT 'other', call_id, account, project, contact_id, ?, parameters,"
        for moment in TERMINAL:
            with pytest.raises(sqlite3.IntegrityError):
                other.execute(copy + " recorded, expires, state FROM signals", (moment.value,))
        with pytest.raises(sqlite3.IntegrityError):
            other.execute("UPDATE signals SET moment = 'handoff' WHERE moment = 'arrival'")


async def test_a_second_handoff_of_a_call_is_refused_even_without_signals(
    store: SqliteStore, make_handoff: MakeHandoff
) -> None:
    assert await store.record_handoff(make_handoff("handoff-1"), None)
    assert not await store.record_handoff(make_handoff("handoff-2"), None)


async def test_an_operation_that_breaks_a_rule_does_not_take_others_along(
    store: SqliteStore, make_call: MakeCall, make_signal: MakeSignal
) -> None:
    results = await asyncio.gather(
        store.open_call(make_call("call-1"), make_signal("call-1", Moment.ARRIVAL)),
        store.open_call(make_call("call-1"), make_signal("call-9", Moment.ARRIVAL)),  # the id is taken
        store.open_call(make_call("call-2"), None),
        store.open_call(make_call("call-3", number="\ud800"), None),  # no valid Unicode
        store.open_call(make_call("call-4"), None),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [
        type(None),
        StorageError,
        type(None),
        StorageError,
        type(None),
    ]
    assert len(str(results[1]).splitlines()) == 1
    assert [call.call_id for call in await store.calls()] == ["call-4", "call-2", "call-1"]
    assert await store.signals(call_id="call-9") == ()
    assert store.fault is None


async def test_a_signal_moves_until_it_is_settled_and_keeps_its_attempts(
    store: SqliteStore, make_signal: MakeSignal
) -> None:
    signal = make_signal()
    await store.record_signal(signal)
    first = Attempt(1001.0, 1002.0, "unavailable", 503, "busy")
    last = Attempt(1003.0, 1004.5, "accepted", 202)
    assert await store.update_signal(signal.signal_id, SignalState.SENDING, None)
    assert await store.update_signal(signal.signal_id, SignalState.RECORDED, first)
    assert await store.update_signal(signal.signal_id, SignalState.SENDING, None)
    assert await store.update_signal(signal.signal_id, SignalState.ACCEPTED, last)
    assert not await store.update_signal(signal.signal_id, SignalState.SENDING, None)
    assert not await store.update_signal(signal.signal_id, SignalState.UNKNOWN, last)
    assert not await store.update_signal("none", SignalState.SENDING, None)
    settled = replace(signal, state=SignalState.ACCEPTED, attempts=(first, last))
    assert await store.signal(signal.signal_id) == settled
    assert await store.signals(state=SignalState.ACCEPTED) == (settled,)
    assert await store.signals(state=SignalState.RECORDED) == ()
    assert await store.pending() == ()


async def test_only_signals_not_on_the_wire_are_cancelled(
    store: SqliteStore, make_signal: MakeSignal
) -> None:
    arrival, terminal = make_signal(moment=Moment.ARRIVAL), make_signal()
    other = make_signal("call-2")
    for signal in (arrival, terminal, other):
        await store.record_signal(signal)
    await store.update_signal(arrival.signal_id, SignalState.SENDING, None)
    assert await store.cancel_signals("call-1") == (terminal.signal_id,)
    assert [signal.signal_id for signal in await store.pending()] == [arrival.signal_id, other.signal_id]


async def test_a_handoff_is_found_by_its_id_its_call_its_contact_or_its_shared_id(
    store: SqliteStore, make_handoff: MakeHandoff
) -> None:
    old = make_handoff("handoff-1", "call-1", shared_id="shared-1")
    new = make_handoff("handoff-2", "call-2", asked=2000.0)
    other = make_handoff("handoff-3", "call-3", asked=3000.0, shared_id="4711", contact_id="4713")
    foreign = make_handoff("handoff-4", "call-4", asked=4000.0, project="acme-sales", shared_id="shared-1")
    for handoff in (old, new, other, foreign):
        await store.record_handoff(handoff, None)

    async def found(**key: str) -> str | None:
        handoff = await store.handoff_by_key("acme", "acme-care", **key)
        return None if handoff is None else handoff.handoff_id

    assert await found(handoff_id="handoff-1") == "handoff-1"
    assert await found(handoff_id="call-1") == "handoff-1"
    assert await found(handoff_id="4711") == "handoff-2"  # the newest of the contact
    assert await found(shared_id="shared-1") == "handoff-1"
    assert await found(shared_id="4711") == "handoff-3"  # said to be shared, before a contact's
    assert await found(shared_id="4713") == "handoff-3"  # the contact id works as a key
    assert await found(shared_id="none", handoff_id="handoff-1") is None  # shared_id wins
    assert await found(handoff_id="handoff-4") is None  # another project's


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("rubbish.db/agent.db", "Not a directory|File exists"),
        ("folder", "Is a directory"),
        ("rubbish.db", "file is not a database"),
        ("newer.db", "version 99"),
    ],
)
async def test_a_path_that_can_t_be_used_is_said_in_one_line(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "rubbish.db").write_bytes(b"not a database, by no means " * 100)
    with closing(sqlite3.connect(tmp_path / "newer.db")) as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(StorageError, match=why) as caught:
        await SqliteStore.open(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


async def test_a_kind_of_storage_that_is_not_built_in_is_refused() -> None:
    with pytest.raises(StorageError, match="postgresql"):
        await open_store("postgresql://db/agent")


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


async def test_the_file_is_for_its_user_alone(tmp_path: Path, store: SqliteStore) -> None:
    assert store.fault is None
    for name in ("agent.db", "agent.db-wal", "agent.db-shm", "agent.db.lock"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0, name


async def test_a_step_that_fails_leaves_the_version_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "agent.db"
    await (await SqliteStore.open(path)).aclose()
    broken = (*MIGRATIONS, ("CREATE TABLE extra (one)", "CREATE TABLE extra (one)"))
    monkeypatch.setattr("agent.delivery.migrations.MIGRATIONS", broken)
    with pytest.raises(StorageError, match="already exists"):
        await SqliteStore.open(path)
    with closing(sqlite3.connect(path)) as found:
        assert found.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert not found.execute("SELECT * FROM sqlite_master WHERE name = 'extra'").fetchall()


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
