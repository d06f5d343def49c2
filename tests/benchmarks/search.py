# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a search of a million calls takes, on SQLite and on PostgreSQL, and what its indices cost a write.

The calls are those of a month: forty projects of very different size, two hundred numbers in use, most
contacts seen once. Each question is asked as a console or a command does, some times over; what counts is the
longest. Asked once more without an index it shows what that index is good for.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from statistics import median

import asyncpg

from agent.core.errors import StorageError
from agent.core.records import CallRecord
from agent.delivery.queries import CallQuery, Standing
from agent.delivery.rows import CALL, names
from agent.delivery.schema.versions import step_0007_search
from agent.delivery.store import Store
from agent.delivery.stores import open_store
from tests.benchmarks.records import run_calls
from tests.calls.harness.postgres import Postgres

_CALLS = 1_000_000
_UP = 800
_MONTH = 30 * 86_400.0
_THEN = 1_900_000_000.0
_ENDS = (
    ("completed", "completed"),
    ("handoff", "handoff"),
    ("caller", "caller_hung_up"),
    ("failed", "no_agent"),
    ("failed", "media_lost"),
)
_SHARES = (700, 200, 85, 10, 5)
_TIMES = 5
_ROUNDS, _CALLS_A_ROUND = 4, 2000
_KNOWN = "500000-0f3a9c@10.0.0.1"
_INDICES = {words[2]: " ".join(words) for words in (step.split() for step in step_0007_search.STEPS)}

QUESTIONS = {
    "newest": CallQuery(limit=51),
    "a page far back": CallQuery(limit=51, before=(_THEN - _MONTH * 0.9, "c-8")),
    "call id": CallQuery(call_id="c-000000000007a120"),
    "contact id": CallQuery(contact_id="4000500000"),
    "master contact id": CallQuery(master_id="4000500002"),
    "SIP Call-ID": CallQuery(sip_call_id=_KNOWN),
    "any id": CallQuery(any_id="4000500000"),
    "any id, not there": CallQuery(any_id="not-there"),
    "number": CallQuery(number="9995550100", limit=51),
    "number, not there": CallQuery(number="4930123456"),
    "last six digits": CallQuery(number="550199", limit=51),
    "last four digits": CallQuery(number="0177", limit=51),
    "number of three digits, not there": CallQuery(number="112", limit=51),
    "project, large": CallQuery(project="project-0", limit=51),
    "project, small": CallQuery(project="project-39", limit=51),
    "project, not there": CallQuery(project="not-there", limit=51),
    "carrier, not there": CallQuery(carrier="not-there", limit=51),
    "end": CallQuery(end="failed", limit=51),
    "reason, not there": CallQuery(reason="internal", limit=51),
    "end and reason that never meet": CallQuery(end="handoff", reason="no_agent", limit=51),
    "project, end and reason": CallQuery(project="project-7", end="failed", reason="media_lost", limit=51),
    "a day of a project": CallQuery(
        project="project-3", since=_THEN - 20 * 86_400, until=_THEN - 19 * 86_400, limit=51
    ),
    "number and reason": CallQuery(number="9995550100", reason="media_lost", limit=51),
    "live": CallQuery(standing=Standing.LIVE, limit=51),
    "live, of a project": CallQuery(standing=Standing.LIVE, project="project-39", limit=51),
    "over, of an hour": CallQuery(standing=Standing.OVER, since=_THEN - 3600, limit=51),
}


async def search() -> dict[str, object]:
    """Questions to a million calls: milliseconds, with and without each index, and what a write costs."""
    with ExitStack() as held:
        folder = held.enter_context(tempfile.TemporaryDirectory(prefix="handoff-bench-"))
        server = Postgres()
        held.callback(server.remove)
        server.start()
        version = server.run("SHOW server_version", "postgres")
        return {
            "calls": _CALLS,
            "sqlite": await _of_sqlite(Path(folder) / "agent.db"),
            "postgresql": {"version": version, **await _of_postgresql(server.new())},
        }


async def _of_sqlite(path: Path) -> dict[str, object]:
    url = f"sqlite://{path}"
    await (await open_store(url, node="edge-bench")).aclose()  # makes the tables

    def run(statement: str) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute(statement)

    def fill() -> None:
        marks = ", ".join("?" * len(CALL))
        with closing(sqlite3.connect(path)) as connection, connection:
            for index in _INDICES:
                connection.execute(f"DROP INDEX {index}")
            insert = f"INSERT INTO calls ({names(CALL)}) VALUES ({marks})"  # noqa: S608 - made of constants
            connection.executemany(insert, map(CALL.values, _made()))

    await asyncio.to_thread(fill)
    return await _measured(url, run)


async def _of_postgresql(url: str) -> dict[str, object]:
    await (await open_store(url, node="edge-bench")).aclose()
    connection = await asyncpg.connect(url)
    await connection.execute("".join(f"DROP INDEX {index};" for index in _INDICES))
    rows = ((*CALL.values(call), "edge-bench") for call in _made())
    await connection.copy_records_to_table("calls", records=rows, columns=[*CALL, "owner"])
    await connection.execute("ANALYZE calls")

    def run(statement: str) -> None:
        _run_there(url, statement)

    try:
        return await _measured(url, run)
    finally:
        await connection.close()


def _run_there(url: str, statement: str) -> None:
    """Run a statement from a loop of its own, since the measurement's must not be held up."""

    async def execute() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(execute())


async def _measured(url: str, run: Callable[[str], None]) -> dict[str, object]:
    seconds: dict[str, float] = {}
    for index, statement in _INDICES.items():
        began = time.perf_counter()
        await asyncio.to_thread(run, statement)
        seconds[index] = round(time.perf_counter() - began, 1)
    await asyncio.to_thread(run, "ANALYZE calls" if url.startswith("postgresql") else "SELECT 1")
    store = await open_store(url, node="edge-bench")
    try:
        answered = await _asked(store)
        without = {}
        for index, statement in _INDICES.items():
            await asyncio.to_thread(run, f"DROP INDEX {index}")
            slower = await _asked(store, 1)
            without[index] = {
                name: told
                for name, told in slower.items()
                if told["longest_ms"] > 10 * answered[name]["longest_ms"] + 5
            }
            await asyncio.to_thread(run, statement)
        return {
            "building_an_index_seconds": seconds,
            "longest_ms": max(told["longest_ms"] for told in answered.values()),
            "questions": answered,
            "what_is_slower_without_an_index": without,
            "writes": await _written(store, run),
        }
    finally:
        await store.aclose()


async def _asked(store: Store, times: int = _TIMES) -> dict[str, dict[str, float]]:
    answered: dict[str, dict[str, float]] = {}
    for name, query in QUESTIONS.items():
        took, found = [], -1  # where it was broken off
        for _ in range(times):
            began = time.perf_counter()
            with suppress(StorageError):
                found = len(await store.calls(query))
            took.append((time.perf_counter() - began) * 1000)
        answered[name] = {
            "found": found,
            "median_ms": round(median(took), 1),
            "longest_ms": round(max(took), 1),
        }
        print(name, answered[name], flush=True)
    return answered


async def _written(store: Store, run: Callable[[str], None]) -> dict[str, object]:
    """Calls recorded beside the million, by turns with the indices and without: the middle of the rounds."""
    rates: dict[str, list[float]] = {"with": [], "without": []}
    cpu: dict[str, list[float]] = {"with": [], "without": []}
    for number in range(_ROUNDS):
        for indices in ("with", "without"):
            told = await run_calls(store, f"{indices}-{number}", _CALLS_A_ROUND, 0)
            rates[indices].append(float(str(told["writes_per_second"])))
            cpu[indices].append(float(str(told["agent_cpu_milliseconds_per_call"])))
            for index, statement in _INDICES.items():
                change = f"DROP INDEX {index}" if indices == "with" else statement
                await asyncio.to_thread(run, change)
    return {
        indices: {
            "writes_per_second": round(median(rates[indices])),
            "agent_cpu_milliseconds_per_call": round(median(cpu[indices]), 3),
        }
        for indices in rates
    }


def _made() -> Iterator[CallRecord]:
    some = random.Random(5)  # noqa: S311 - the same calls each time
    projects = [f"project-{number}" for number in range(40)]
    sizes = [1 / (number + 1) ** 2 for number in range(40)]
    for number in range(_CALLS):
        began = _THEN - _MONTH * (_CALLS - number) / _CALLS
        ((end, reason),) = some.choices(_ENDS, _SHARES)
        up = number >= _CALLS - _UP
        contact = 4_000_000_000 + number - number % 5 // 4
        master = contact - 1 if number % 16 == 4 else contact
        (project,) = some.choices(projects, sizes)
        yield CallRecord(
            f"c-{some.getrandbits(64):016x}" if number != _CALLS // 2 else "c-000000000007a120",
            "edge-bench",
            f"nice-{number % 4}",
            "acme",
            project,
            f"9995550{100 + some.randrange(200):03d}",
            str(contact),
            str(master),
            f"{number}-{some.getrandbits(24):06x}@10.0.0.1" if number != _CALLS // 2 else _KNOWN,
            "bridged" if up else "ended",
            began,
            began + 1,
            None if up else began + 95,
            "" if up else end,
            "" if up else reason,
            4,
        )
