# SPDX-License-Identifier: GPL-3.0-or-later
"""What was promised survives kill -9; a storage that can't write says so, and heals by itself."""

from __future__ import annotations

import asyncio
import resource
import signal as signals
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from agent.core.errors import StorageError
from agent.core.moments import Moment, SignalState
from agent.core.records import CallRecord, Signal
from agent.delivery.queries import CallQuery, SignalQuery
from agent.delivery.sqlite import SqliteStore
from tests.delivery.outbox import unsettled

MakeCall: TypeAlias = Callable[..., CallRecord]
MakeSignal: TypeAlias = Callable[..., Signal]

# Writes for ever, many calls at once, and says on stdout what has become durable.
_WRITER = """
import asyncio, os, sys
from pathlib import Path
from agent.core.moments import Moment, SignalState
from agent.core.records import Attempt, CallRecord, Signal
from agent.delivery.sqlite import SqliteStore
from tests.delivery.outbox import unsettled

async def calls(store, lane):
    for number in range(1_000_000):
        call_id = f"{lane}-{number}"
        call = CallRecord(call_id, "n", "c", "a", "p", "1", "1", "", "", "ringing", 1.0)
        signal = Signal(f"s-{call_id}", call_id, "a", "p", "1", Moment.FAILED, {}, 1.0, 2.0)
        await store.open_call(call, None)
        os.write(1, f"open {call_id}\\n".encode())
        assert await store.record_signal(signal)
        os.write(1, f"recorded {call_id}\\n".encode())
        assert await store.update_signal(signal.signal_id, SignalState.SENDING, None)
        os.write(1, f"sending {call_id}\\n".encode())
        await store.update_signal(signal.signal_id, SignalState.ACCEPTED, Attempt(1.0, 2.0, "accepted"))
        os.write(1, f"accepted {call_id}\\n".encode())

async def main():
    store = await SqliteStore.open(Path(sys.argv[1]))
    await asyncio.gather(*(calls(store, lane) for lane in range(8)))

asyncio.run(main())
"""
_ORDER = ["recorded", "sending", "accepted"]


@pytest.mark.parametrize("promises", [1, 40, 400])
async def test_after_kill_9_all_that_was_promised_is_there(tmp_path: Path, promises: int) -> None:
    path = tmp_path / "agent.db"
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _WRITER, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout is not None
    promised = [await writer.stdout.readline() for _ in range(promises)]
    writer.send_signal(signals.SIGKILL)
    promised += (await writer.stdout.read()).splitlines(keepends=True)
    await writer.wait()

    store = await SqliteStore.open(path)
    for line in promised:
        if not line.endswith(b"\n"):
            continue
        word, call_id = line.decode().split()
        assert await store.call(call_id) is not None
        if word != "open":
            (found,) = await store.signals(SignalQuery(call_id=call_id))
            assert _ORDER.index(found.state.value) >= _ORDER.index(word)
            assert bool(found.attempts) == (found.state is SignalState.ACCEPTED)
    # Whatever the instant: each signal is settled or known to be unsettled, none is forgotten.
    pending = {each.signal_id for each in await unsettled(store)}
    assert len(pending) <= 8
    await store.aclose()
    with closing(sqlite3.connect(path)) as found_file:
        assert found_file.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@contextmanager
def full_disk(wal: Path) -> Iterator[None]:
    """No file of this process may grow beyond what the write-ahead log has now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal.stat().st_size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_disk_that_is_full_is_said_and_nothing_stands_then_it_heals(
    tmp_path: Path, make_call: MakeCall, make_signal: MakeSignal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.delivery.group_commit.PROBE_SECONDS", 0.01)
    told: list[str | None] = []
    changed = asyncio.Event()

    def listen(fault: str | None) -> None:
        told.append(fault)
        changed.set()

    store = await SqliteStore.open(tmp_path / "agent.db", listen)
    await store.open_call(make_call("call-1"), None)
    with full_disk(tmp_path / "agent.db-wal"):
        results = await asyncio.gather(
            store.open_call(make_call("call-2"), make_signal("call-2", Moment.ARRIVAL)),
            store.record_signal(make_signal("call-3")),
            store.call("call-1"),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [StorageError, StorageError, CallRecord]
        assert all(len(str(result).splitlines()) == 1 for result in results[:2])
        assert told == [store.fault]
        assert told[0]
        assert await unsettled(store) == ()
        changed.clear()
    await changed.wait()  # nobody wrote: it found out by itself
    assert store.fault is None
    assert told[-1] is None
    await store.open_call(make_call("call-2"), make_signal("call-2", Moment.ARRIVAL))
    assert [call.call_id for call in await store.calls(CallQuery())] == ["call-2", "call-1"]
    await store.aclose()


async def test_a_storage_that_somebody_else_holds_locked_is_said_and_heals(
    tmp_path: Path, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.delivery.opening.LOCK_WAIT_SECONDS", 0.01)
    path = tmp_path / "agent.db"
    store = await SqliteStore.open(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked"):
            await store.open_call(make_call(), None)
        said = store.fault
        assert said == "database is locked"
        other.execute("ROLLBACK")
    await store.open_call(make_call(), None)
    assert store.fault is None
    await store.aclose()


async def test_a_storage_that_is_stuck_refuses_more_than_it_can_hold(
    tmp_path: Path, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.delivery.group_commit.CAPACITY", 3)
    store = await SqliteStore.open(tmp_path / "agent.db")
    results = await asyncio.gather(
        *(store.open_call(make_call(f"call-{number}"), None) for number in range(5)), return_exceptions=True
    )
    assert [type(result) for result in results] == [type(None)] * 3 + [StorageError] * 2
    await store.open_call(make_call("call-3"), None)
    await store.aclose()


async def test_one_that_does_not_wait_for_its_write_disturbs_nobody(
    store: SqliteStore, make_call: MakeCall
) -> None:
    impatient = asyncio.ensure_future(store.open_call(make_call("call-1"), None))
    patient = asyncio.ensure_future(store.open_call(make_call("call-2"), None))
    await asyncio.sleep(0)
    impatient.cancel()
    await patient
    assert [call.call_id for call in await store.calls(CallQuery())] == ["call-2", "call-1"]


async def test_a_write_that_hangs_is_a_fault_until_it_comes_back(
    tmp_path: Path, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.delivery.group_commit.STUCK_SECONDS", 0.0)
    path = tmp_path / "agent.db"
    store = await SqliteStore.open(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.ensure_future(store.open_call(make_call(), None))
        for _ in range(3):  # turns of the loop, until the thread has it
            await asyncio.sleep(0)
        assert str(store.fault).startswith("a write has not come back")
        other.execute("ROLLBACK")
    await waiting
    assert store.fault is None
    await store.aclose()
