# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a table of calls gets slower as it grows: one PostgreSQL with a million calls, ten million, more.

Each size is a database of its own, made in the server: each call with two signals and their attempts, as a
node leaves them. Then the real store works beside them: six writes a call, the questions of a search,
retention step by step, a neighbour's work taken over, the export. ``PARTITIONS_CALLS=50000000`` names sizes,
by commas; a million calls need some 2 GB of disk where temporary files are (``TMPDIR``).
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from statistics import median
from typing import Any

import asyncpg

from agent.core.errors import StorageError
from agent.core.moments import Moment, SignalState
from agent.core.quality import LegQuality, to_text
from agent.core.records import Attempt, CallRecord, Signal
from agent.delivery import postgres_statements as sql
from agent.delivery.finished import Export
from agent.delivery.rows import ATTEMPT, CALL, CALL_CHANGES, SIGNAL
from agent.delivery.store import Store
from agent.delivery.stores import open_store
from tests.benchmarks.records import run_calls
from tests.benchmarks.search import QUESTIONS
from tests.calls.harness.postgres import Postgres

_USUAL = "1000000,10000000"
_SERVER = (
    *("shared_buffers=512MB", "max_wal_size=4GB", "maintenance_work_mem=512MB"),
    *("wal_level=minimal", "max_wal_senders=0"),
)
_CHUNK = 500_000
_WRITTEN = 3000
_ROUNDS = 3
_STEPS_OF_RETENTION = 100
_LEFT_BEHIND = 300
_MONTH = 30 * 86_400
_THEN = 1_900_000_000
_LEGS = to_text(
    tuple(
        LegQuality(side, "PCMU", "relay", 4750, 4751, 3, 2, 1, 0, 0.0011, 0.042, 0.06, 4.38)
        for side in ("caller", "agent")
    )
)
_CALLS = f"""
    INSERT INTO calls (call_id, node, carrier, account, project, number, contact_id, master_id, sip_call_id,
        state, began, answered, ended, "end", reason, version, legs, owner, record)
    SELECT CASE n WHEN 500000 THEN 'c-000000000007a120' ELSE 'c-' || substr(md5(n::text), 1, 16) END,
        'edge-bench', 'nice-' || n % 4, 'acme',
        'project-' || least(39, floor(1 / sqrt(greatest(lot, 1e-9)))::int - 1),
        '9995550' || 100 + floor(random() * 200)::int,
        (4000000000 + n - n % 5 / 4)::text,
        (4000000000 + n - n % 5 / 4 - (n % 16 = 4)::int)::text,
        CASE n WHEN 500000 THEN '500000-0f3a9c@10.0.0.1'
            ELSE n || '-' || substr(md5(n::text), 20, 6) || '@10.0.0.1' END,
        'ended', began, began + 1, began + 95,
        CASE WHEN kind < .7 THEN 'completed' WHEN kind < .9 THEN 'handoff' WHEN kind < .985 THEN 'caller'
            ELSE 'failed' END,
        CASE WHEN kind < .7 THEN 'completed' WHEN kind < .9 THEN 'handoff' WHEN kind < .985
            THEN 'caller_hung_up'
            WHEN kind < .995 THEN 'no_agent' ELSE 'media_lost' END,
        4, '{_LEGS}', 'edge-bench/1', n
    FROM (SELECT n, random() AS lot, random() AS kind, {_THEN} - {_MONTH}.0 * ($3::bigint - n) / $3 AS began
        FROM generate_series($1::bigint, $2::bigint) AS n) AS made
"""  # noqa: S608 - made of constants
_OF_A_CALL = f"""
    SELECT n, 'c-' || CASE n WHEN 500000 THEN '000000000007a120' ELSE substr(md5(n::text), 1, 16) END
            AS call_id,
        (4000000000 + n - n % 5 / 4)::text AS contact_id,
        {_THEN} - {_MONTH}.0 * ($3::bigint - n) / $3 AS began, moment, md5(n || moment) AS signal_id
    FROM generate_series($1::bigint, $2::bigint) AS n, (VALUES ('arrival'), ('completed')) AS moments (moment)
"""  # noqa: S608
_SIGNALS = f"""
    INSERT INTO signals (signal_id, call_id, account, project, contact_id, moment, parameters, recorded,
        expires, state, channel, owner)
    SELECT signal_id, call_id, 'acme', 'project-0', contact_id, moment,
        '{{"p1": "CARE", "p2": "4101", "p3": "asked", "p4": "", "p5": ""}}',
        began, began + 120, 'accepted', 'signal', 'edge-bench/1'
    FROM ({_OF_A_CALL}) AS made
"""  # noqa: S608
_ATTEMPTS = f"""
    INSERT INTO attempts (signal_id, number, began, ended, outcome, status, detail)
    SELECT signal_id, 1, began, began + .1, 'accepted', 202, '' FROM ({_OF_A_CALL}) AS made
"""  # noqa: S608
_INDICES = """
    SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND NOT EXISTS
    (SELECT 1 FROM pg_constraint WHERE conname = indexname) AND tablename IN ('calls', 'signals', 'attempts')
"""
_KEYS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE contype IN ('p', 'u') AND conrelid::regclass::text IN ('calls', 'signals', 'attempts')
"""

_BYTES = """
    SELECT sum(pg_total_relation_size(oid))::float8, sum(pg_indexes_size(oid))::float8 FROM pg_class
    WHERE relname IN ('calls', 'signals', 'attempts')
"""


async def partitions() -> dict[str, object]:
    """Writes, search, retention and take-over beside a million calls and beside ten times as many."""
    sizes = [int(size) for size in os.environ.get("PARTITIONS_CALLS", _USUAL).split(",")]
    with ExitStack() as held:
        server = Postgres(*_SERVER)
        held.callback(server.remove)
        server.start()
        version = server.run("SHOW server_version", "postgres")
        found = {}
        for size in sizes:
            url = server.new()
            found[f"{size:,} calls"] = await _at(url, size)
            server.run(f"DROP DATABASE {url.rpartition('/')[2]}", "postgres")
        return {"server": list(_SERVER), "version": version, **found}


async def _at(url: str, size: int) -> dict[str, object]:
    await (await open_store(url, node="edge-bench")).aclose()  # makes the tables
    connection = await asyncpg.connect(url)
    try:
        began = time.perf_counter()
        await _fill(connection, size)
        made = time.perf_counter() - began
        store = await open_store(url, node="edge-bench")
        try:
            found = await _measured(store, connection, size)
        finally:
            await store.aclose()
    finally:
        await connection.close()
    return {"making_it_seconds": round(made), **found}


async def _fill(connection: Any, size: int) -> None:  # noqa: ANN401 - asyncpg has no types
    """Put `size` calls in, without indices until they are there; all in one go, which saves the WAL."""
    indices = await connection.fetch(_INDICES)
    keys = await connection.fetch(_KEYS)
    await connection.execute("SET session_replication_role = replica")
    async with connection.transaction():
        await connection.execute("TRUNCATE calls, signals, attempts")
        for name, _ in indices:
            await connection.execute(f"DROP INDEX {name}")
        for table, name, _ in keys:
            await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        await connection.execute("SELECT setseed(0.5)")
        for first in range(1, size + 1, _CHUNK):
            last = min(first + _CHUNK - 1, size)
            for statement in (_CALLS, _SIGNALS, _ATTEMPTS):
                await connection.execute(statement, first, last, size)
            print(f"{last:,} calls made", flush=True)
        for table, name, definition in keys:
            await connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
        for name, definition in indices:
            await connection.execute(definition)
            print(f"{name} made", flush=True)
        await connection.execute("SELECT setval('record_numbers', $1::bigint)", size)
    await connection.execute("SET session_replication_role = DEFAULT")
    await connection.execute("VACUUM ANALYZE")
    await connection.execute("CHECKPOINT")


async def _measured(store: Store, connection: Any, size: int) -> dict[str, object]:  # noqa: ANN401
    whole, indices = await connection.fetchrow(_BYTES)
    written = [await _written(store, f"beside-{number}") for number in range(_ROUNDS)]
    questions = {}
    for name, query in QUESTIONS.items():
        questions[name] = await _longest(lambda query=query: store.calls(query), 3)  # type: ignore[misc]
    return {
        "gigabytes": round(whole / 1e9, 2),
        "of_which_indices": round(indices / 1e9, 2),
        "writes": written,
        "search_longest_milliseconds": questions,
        "pages": await pages(connection, size),
        "export_of_1000_calls_milliseconds": await _longest(
            lambda: store.finished_between(size // 2, size // 2 + 1000, Export()), 3
        ),
        "take_over": await _taken_over(store, connection),
        "retention": await _forgotten(store, connection, size),
    }


async def pages(connection: Any, size: int) -> dict[str, int]:  # noqa: ANN401
    """Pages of 8 kB that each statement looks at, in memory or not: the same however busy the machine is."""
    found: dict[str, int] = {}

    async def explain(name: str, statement: str, *values: object) -> None:
        (row,) = await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", *values)
        plan = json.loads(row[0])[0]["Plan"]
        # A part that writes counts for itself; what reads from it counts its pages once more.
        parts = [part for part in plan.get("Plans", ()) if part["Parent Relationship"] == "InitPlan"]
        found[name] = sum(part["Shared Hit Blocks"] + part["Shared Read Blocks"] for part in (plan, *parts))

    now = float(_THEN)
    who = (
        "c-pages",
        "edge-bench",
        "nice-1",
        "acme",
        "project-3",
        "9995550100",
        "4711000",
        "4711000",
        "sip-pages",
    )
    call = CallRecord(*who, "recording", now)
    known = "s-pages", "c-pages", "acme", "project-3", "4711000", Moment.ARRIVAL, {"p1": "CARE"}
    arrival = Signal(*known, now, now + 120, SignalState.SENDING)
    tried = ATTEMPT.values(Attempt(now, now, "accepted", 202))
    ended = CALL_CHANGES.values(call.moved("ended", ended=now))
    transaction = connection.transaction()
    await transaction.start()
    await explain(
        "open a call", sql.OPEN_CALL_WITH_SIGNAL, *CALL.values(call), "o", *SIGNAL.values(arrival), 0
    )
    await explain("settle a signal", sql.UPDATE_SIGNAL_WITH_ATTEMPT, "s-pages", "accepted", "o", *tried, 0)
    await explain("end a call", sql.UPDATE_CALL, *ended, "o", 0)
    await explain("look for orphaned work", sql.ANY_ORPHANS)
    await explain("find 200 old calls", sql.FIND_OLD, 0.0, size // 2, 200)
    old = [row[0] for row in await connection.fetch(sql.FIND_OLD, 0.0, size // 2, 200)]
    await explain("delete 200 old calls", sql.FORGET, old, 0)
    await transaction.rollback()
    return found


async def _written(store: Store, name: str) -> dict[str, object]:
    """As many calls as fit; a disk that others keep busy may hold a commit up until it is refused."""
    try:
        return await run_calls(store, name, _WRITTEN, 0)
    except StorageError as error:
        return {"refused": str(error)}


async def _longest(ask: Callable[[], Awaitable[object]], times: int) -> dict[str, float]:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        await ask()
        took.append((time.perf_counter() - began) * 1000)
    return {"median": round(median(took), 1), "longest": round(max(took), 1)}


async def _taken_over(store: Store, connection: Any) -> dict[str, object]:  # noqa: ANN401
    """A look when nobody died, and the work of one that did."""
    nothing = await _longest(store.take_over, 20)
    await connection.execute(
        "UPDATE calls SET ended = NULL, owner = 'edge-dead/1' WHERE call_id IN"
        " (SELECT call_id FROM calls ORDER BY sequence DESC LIMIT $1)",
        _LEFT_BEHIND,
    )
    began, calls = time.perf_counter(), 0
    while taken := len((await store.take_over()).calls):
        calls += taken
    return {
        "nothing_to_do_milliseconds": nothing,
        "calls_left_behind": calls,
        "until_taken_milliseconds": round((time.perf_counter() - began) * 1000, 1),
    }


async def _forgotten(store: Store, connection: Any, size: int) -> dict[str, object]:  # noqa: ANN401
    """Steps of retention, alone and while calls are recorded; then the vacuum after them."""
    keep = size // 2

    async def steps(wanted: int) -> tuple[int, list[float]]:
        gone, took = 0, []
        for _ in range(wanted):
            began = time.perf_counter()
            gone += await store.forget(0.0, keep)
            took.append((time.perf_counter() - began) * 1000)
        return gone, took

    gone, alone = await steps(_STEPS_OF_RETENTION)
    busy = asyncio.ensure_future(_written(store, "retention"))
    also, beside = await steps(_STEPS_OF_RETENTION // 2)
    written = await busy
    began = time.perf_counter()
    await connection.execute("VACUUM calls, signals, attempts")
    return {
        "calls_deleted": gone + also,
        "step_of_200_calls_milliseconds": {
            "median": round(median(alone), 1),
            "longest": round(max(alone), 1),
        },
        "step_beside_writes_milliseconds": {
            "median": round(median(beside), 1),
            "longest": round(max(beside), 1),
        },
        "writes_per_second_meanwhile": written.get("writes_per_second", written),
        "vacuum_seconds": round(time.perf_counter() - began, 1),
    }
