# SPDX-License-Identifier: GPL-3.0-or-later
"""What is PostgreSQL's own: faults that heal, a commit that nobody knows of, and who owns a row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

import asyncpg
import pytest

from agent.core.errors import StorageError
from agent.core.moments import Moment, SignalState
from agent.core.records import CallRecord, Channel, Handoff, Signal
from agent.delivery.postgres import PostgresStore, shown
from agent.delivery.postgres_writer import Rows, Work, Writer
from agent.delivery.queries import CallQuery
from agent.delivery.store import NO_ORPHANS
from tests.calls.harness.ports import free_port
from tests.calls.harness.postgres import Postgres
from tests.delivery.outbox import unsettled

MakeCall: TypeAlias = Callable[..., CallRecord]
MakeSignal: TypeAlias = Callable[..., Signal]
MakeHandoff: TypeAlias = Callable[..., Handoff]


class Told:
    """What a store said of its faults."""

    def __init__(self) -> None:
        self.faults: list[str | None] = []
        self._news = asyncio.Event()

    def __call__(self, fault: str | None) -> None:
        """Listen."""
        self.faults.append(fault)
        self._news.set()

    async def until(self, words: str) -> str:
        """Wait for a fault with these words; the way to it, or from it, may have others."""
        while not self.faults or words not in str(self.faults[-1]):
            await self._news.wait()
            self._news.clear()
        return str(self.faults[-1])

    async def well(self) -> None:
        """Wait until all is well after a fault."""
        while not self.faults or self.faults[-1] is not None:
            await self._news.wait()
            self._news.clear()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.delivery.postgres.HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr("agent.delivery.postgres._PROBE_SECONDS", 0.05)


@pytest.fixture
def url(postgres: Postgres) -> str:
    """An empty database."""
    return postgres.new()


@pytest.fixture
def told() -> Told:
    """A listener."""
    return Told()


@pytest.fixture
async def store(url: str, told: Told) -> AsyncIterator[PostgresStore]:
    """A store on it."""
    opened = await PostgresStore.open(url, told, node="edge-1")
    yield opened
    await opened.aclose()


@pytest.fixture
async def admin(url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Somebody else on the same database."""
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


_CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name = 'handoff-agent'"
)


async def test_a_database_that_can_t_be_used_is_said_in_one_line_without_the_password(url: str) -> None:
    port = free_port()
    for wrong, why in (
        (f"postgresql://me:hush@127.0.0.1:{port}/agent", "Connect call failed"),
        (url.replace("agent_", "nowhere_"), "does not exist"),
        (url.replace("postgres@", "nobody:hush@"), 'role "nobody" does not exist'),
        ("postgresql://me:hush@127.0.0.1:port/agent", "port"),
    ):
        with pytest.raises(StorageError, match=why) as caught:
            await PostgresStore.open(wrong, node="edge-1")
        assert len(str(caught.value).splitlines()) == 1
        assert "hush" not in str(caught.value)
    assert shown("postgresql://me:hush@db.example:5432/agent?x=y") == "postgresql://db.example:5432/agent"


async def test_connections_that_are_cut_are_opened_anew_and_no_write_is_lost(
    store: PostgresStore,
    told: Told,
    admin: asyncpg.Connection[asyncpg.Record],
    make_call: MakeCall,
) -> None:
    for number in range(5):
        await admin.execute(_CUT)
        await store.open_call(make_call(f"call-{number}"), None)
    assert len(await store.calls(CallQuery())) == 5
    assert [fault for fault in told.faults if fault] == []


async def test_a_commit_whose_answer_was_lost_is_taken_back_and_done_once(
    store: PostgresStore, make_call: MakeCall, make_signal: MakeSignal, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = asyncpg.transaction.Transaction.commit
    cut: list[bool] = []

    async def lost_answer(transaction: asyncpg.transaction.Transaction) -> None:
        await real(transaction)
        if not cut:
            cut.append(True)
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    monkeypatch.setattr(asyncpg.transaction.Transaction, "commit", lost_answer)
    arrival, terminal = make_signal(moment=Moment.ARRIVAL), make_signal()
    await store.open_call(make_call(), arrival)
    cut.clear()
    assert await store.record_signal(terminal) == terminal  # not refused by its own first try
    cut.clear()
    assert await store.update_signal(terminal.signal_id, SignalState.SENDING, None)
    assert len(await unsettled(store)) == 2


async def test_nothing_stands_of_a_write_that_was_refused_when_nobody_knew(
    store: PostgresStore, told: Told, make_signal: MakeSignal, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, broken = asyncpg.transaction.Transaction.commit, [True]

    async def lost_answer(transaction: asyncpg.transaction.Transaction) -> None:
        await real(transaction)
        if broken[0]:
            raise ConnectionResetError("reset")

    monkeypatch.setattr(asyncpg.transaction.Transaction, "commit", lost_answer)
    with pytest.raises(StorageError, match="reset"):
        await store.record_signal(make_signal())
    broken[0] = False
    await told.well()
    assert await unsettled(store) == ()
    assert await store.record_signal(make_signal()) is not None


async def test_a_database_that_takes_no_writes_is_a_fault_until_it_does(
    store: PostgresStore,
    told: Told,
    admin: asyncpg.Connection[asyncpg.Record],
    make_call: MakeCall,
) -> None:
    name = await admin.fetchval("SELECT current_database()")
    await store.open_call(make_call("call-1"), None)
    await admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await admin.execute(_CUT)  # as when a standby has taken the address over
    await told.until("read-only")
    with pytest.raises(StorageError, match="read-only"):
        await store.open_call(make_call("call-2"), None)
    assert await store.call("call-1") == make_call("call-1")
    await admin.execute("SET default_transaction_read_only = off")
    await admin.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    await told.well()
    await store.open_call(make_call("call-2"), None)


async def test_a_server_that_is_away_is_a_fault_until_it_is_back(make_call: MakeCall, told: Told) -> None:
    server = Postgres()
    try:
        server.start()
        store = await PostgresStore.open(server.new(), told, node="edge-1")
        server.stop()
        fault = await told.until("")
        assert len(fault.splitlines()) == 1
        for refused in (store.open_call(make_call(), None), store.call("call-1"), store.take_over()):
            with pytest.raises(StorageError):
                await refused
        server.start()
        await told.well()
        await store.open_call(make_call(), None)
        await store.aclose()
    finally:
        server.remove()


async def test_a_lock_that_somebody_holds_is_said_and_heals(
    store: PostgresStore,
    told: Told,
    admin: asyncpg.Connection[asyncpg.Record],
    make_call: MakeCall,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(_settings(), "lock_timeout", "50ms")
    await admin.execute(_CUT)
    await store.open_call(make_call("call-0"), None)
    transaction = admin.transaction()
    await transaction.start()
    await admin.execute("LOCK TABLE calls IN EXCLUSIVE MODE")
    with pytest.raises(StorageError, match="lock timeout"):
        await store.open_call(make_call(), None)
    await transaction.rollback()
    await told.well()
    await store.open_call(make_call(), None)


def _settings() -> dict[str, str]:
    from agent.delivery.postgres_session import SETTINGS  # noqa: PLC0415

    return SETTINGS


async def test_what_a_neighbour_took_over_is_no_longer_one_s_own(  # noqa: PLR0917 - fixtures
    url: str,
    store: PostgresStore,
    admin: asyncpg.Connection[asyncpg.Record],
    make_call: MakeCall,
    make_signal: MakeSignal,
    make_handoff: MakeHandoff,
) -> None:
    # It is stopped, and neighbours declare it dead. A beat that it has begun is over before it writes again.
    store._beating.cancel()  # type: ignore[union-attr]
    neighbour = await PostgresStore.open(url, node="edge-2")
    arrival, terminal = make_signal(moment=Moment.ARRIVAL), make_signal("call-2")
    await store.open_call(make_call(), arrival)
    await store.record_signal(terminal)
    hook = make_signal("call-2", channel=Channel.WEBHOOK, parameters={"body": "{}"})
    await store.record_signal(hook)
    assert await neighbour.take_over() == NO_ORPHANS
    await admin.execute("DELETE FROM nodes WHERE node = 'edge-1'")
    orphans = await neighbour.take_over()
    assert (orphans.calls, orphans.signals) == ((make_call(),), (arrival, terminal, hook))

    for write in (
        store.update_signal(arrival.signal_id, SignalState.SENDING, None),
        store.record_handoff(make_handoff(), make_signal()),
        store.record_handoff(make_handoff(), make_signal(), make_signal(channel=Channel.WEBHOOK)),
        store.open_call(make_call("call-3"), None),
    ):
        with pytest.raises(StorageError, match="its neighbours took its work over"):
            await write
    await store._writer.do(store._lease.beat)  # type: ignore[union-attr]  # it wakes and is admitted anew
    assert store.fault is None
    for taken in (arrival, terminal, hook):
        assert not await store.update_signal(taken.signal_id, SignalState.SENDING, None)
    await store.update_call(make_call(state="answered"))
    assert await store.call("call-1") == make_call()
    assert await neighbour.update_signal(arrival.signal_id, SignalState.SENDING, None)
    await store.open_call(make_call("call-3"), None)
    await neighbour.aclose()


async def test_calls_are_taken_over_after_all_signals_of_before(
    url: str,
    store: PostgresStore,
    make_call: MakeCall,
    make_signal: MakeSignal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.delivery.postgres._CLAIMS", 2)
    left = [make_signal(f"call-{number}") for number in range(3)]
    for signal in left:
        await store.record_signal(signal)
    await store.open_call(make_call(), make_signal(moment=Moment.ARRIVAL))
    neighbour = await PostgresStore.open(url, node="edge-2")
    await store.aclose()
    parts = [await neighbour.take_over()]
    while parts[-1] != NO_ORPHANS:
        parts.append(await neighbour.take_over())
    assert [len(part.signals) for part in parts] == [2, 2, 0, 0]
    assert [part.calls for part in parts] == [(), (), (make_call(),), ()]
    await neighbour.aclose()


async def test_survivors_share_what_is_left_and_nobody_gets_the_same(
    url: str, store: PostgresStore, make_call: MakeCall, make_signal: MakeSignal
) -> None:
    for number in range(40):
        call_id = f"call-{number}"
        await store.open_call(make_call(call_id), make_signal(call_id, Moment.ARRIVAL))
    others = [await PostgresStore.open(url, node=f"edge-{number}") for number in (2, 3, 4)]
    await store.aclose()
    parts = await asyncio.gather(*(other.take_over() for other in others))
    calls = [call.call_id for part in parts for call in part.calls]
    signals = [signal.signal_id for part in parts for signal in part.signals]
    assert (len(calls), len(set(calls))) == (40, 40)
    assert (len(signals), len(set(signals))) == (40, 40)
    for other in others:
        await other.aclose()


async def test_one_terminal_signal_stands_whichever_node_asks_first(
    url: str, store: PostgresStore, make_signal: MakeSignal
) -> None:
    other = await PostgresStore.open(url, node="edge-2")
    asked = [make_signal(f"call-{number // 2}") for number in range(80)]
    answers = await asyncio.gather(
        *((store, other)[number % 2].record_signal(signal) for number, signal in enumerate(asked))
    )
    for first, second in zip(answers[::2], answers[1::2], strict=True):
        assert (first is None) != (second is None)
    await other.aclose()


async def test_no_statement_can_break_the_one_terminal_signal(
    store: PostgresStore, admin: asyncpg.Connection[asyncpg.Record], make_signal: MakeSignal
) -> None:
    await store.record_signal(make_signal(moment=Moment.ARRIVAL))
    await store.record_signal(make_signal(moment=Moment.FAILED))
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await admin.execute("UPDATE signals SET moment = 'handoff' WHERE moment = 'arrival'")
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await admin.execute("UPDATE signals SET channel = 'webhook' WHERE moment = 'failed'")


async def test_a_full_queue_is_refused(
    store: PostgresStore, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.delivery.postgres_writer.CAPACITY", 3)
    results = await asyncio.gather(
        *(store.open_call(make_call(f"call-{number}"), None) for number in range(5)), return_exceptions=True
    )
    assert [type(result) for result in results] == [type(None)] * 3 + [StorageError] * 2


async def test_a_beat_that_breaks_is_told_and_the_next_one_comes(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that beats no more would be given up by its neighbours, with its calls up."""
    do, beats, told = Writer.do, asyncio.Event(), list[str]()

    async def odd(self: Writer, work: Work) -> Rows:
        if not told:
            raise RuntimeError("odd")
        done = await do(self, work)
        beats.set()
        return done

    def took(error: Exception) -> None:
        told.append(str(error))

    monkeypatch.setattr(Writer, "do", odd)
    store = await PostgresStore.open(url, broke=took, node="edge-1")
    async with asyncio.timeout(60):
        await beats.wait()
    assert told == ["odd"]
    await store.aclose()
