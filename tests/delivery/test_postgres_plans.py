# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked again and again of a large database is answered from indices, at any size."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import asyncpg
import pytest

from agent.delivery import postgres_statements as sql
from agent.delivery.postgres import PostgresStore
from tests.calls.harness.postgres import Postgres

LARGE = {"calls", "signals", "attempts", "handoffs"}
STATEMENTS = {
    "retention looks": sql.FIND_OLD,
    "retention deletes": sql.FORGET,
    "is anything orphaned": sql.ANY_ORPHANS,
    "orphaned calls": sql.CLAIM_CALLS,
    "orphaned signals": sql.CLAIM_SIGNALS,
    "a call opens": sql.OPEN_CALL_WITH_SIGNAL,
    "a call changes": sql.UPDATE_CALL,
    "a call ends": sql.UPDATE_CALL_WITH_WEBHOOK,
    "a signal changes": sql.UPDATE_SIGNAL_WITH_ATTEMPT,
    "a handoff": sql.RECORD_HANDOFF_WITH_BOTH,
    "a handoff without a signal": sql.RECORD_HANDOFF,
    "a handoff is taken back": sql.TAKE_BACK_ENTRIES,
    "a commit is taken back": sql.UNDO_SIGNAL,
    "a handoff by its key": sql.BY_ID,
    "a handoff by its shared id": sql.BY_SHARED_ID,
}


@pytest.fixture(scope="module")
def url(postgres: Postgres) -> str:
    """An empty database."""
    return postgres.new()


@pytest.fixture
async def connection(url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection on which a table is read through only where no index serves."""
    await (await PostgresStore.open(url, owner=False)).aclose()  # makes the tables
    opened = await asyncpg.connect(url)
    await opened.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
    yield opened
    await opened.close()


@pytest.mark.parametrize("name", STATEMENTS)
async def test_no_large_table_is_read_through(
    connection: asyncpg.Connection[asyncpg.Record], name: str
) -> None:
    statement = STATEMENTS[name]
    count = max(map(int, re.findall(r"\$(\d+)", statement)), default=0)
    await connection.execute(f"PREPARE asked AS {statement}")
    nothing = f"({', '.join(['NULL'] * count)})" if count else ""
    plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE asked{nothing}"))
    assert not set(re.findall(r"Seq Scan on (\w+)", plan)) & LARGE, plan
