# SPDX-License-Identifier: GPL-3.0-or-later
"""Agents that share a PostgreSQL, and what stands in it; a pair of servers, the second one a standby."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.plan import Plan
from tests.calls.harness.postgres import Postgres
from tests.calls.harness.waiting import eventually, eventually_now
from tests.faults.harness.audit import UNSETTLED, Books, ledger, mistakes
from tests.faults.harness.site import Site, site

DATABASE = "handoff"
TAKEN_OVER = 40.0
"""Seconds: a lease, the beats around it, the signals, and a slow machine."""


@asynccontextmanager
async def agent(cxone: Cxone, folder: Path, database: str, node: str = "edge-1") -> AsyncIterator[Site]:
    """One agent on a database, and its peers."""
    folder.mkdir(exist_ok=True)

    def change(plan: Plan) -> None:
        plan.agent |= {"node": node, "storage": database}

    async with site(cxone, folder, change) as at:
        yield at


async def books(database: str) -> Books:
    """What stands in the database."""
    connection = await asyncpg.connect(database)
    try:
        tables = ("calls", "signals", "attempts", "handoffs")
        rows = [await connection.fetch(f"SELECT * FROM {table}") for table in tables]  # noqa: S608
        return Books(*(tuple(dict(row) for row in table) for table in rows))
    finally:
        await connection.close()


async def settled(database: str, within: float = TAKEN_OVER) -> Books:
    """Wait until no call is up and no signal open."""

    async def over() -> bool:
        return (await books(database)).settled

    with suppress(AssertionError):
        await eventually(over, within)
    found = await books(database)
    assert found.settled, [row for row in (*found.calls, *found.signals) if row["state"] in UNSETTLED]
    return found


def breaches(found: Books, cxone: Cxone, *sites: Site) -> list[str]:
    """Every breach of the promise."""
    return mistakes(found, ledger(cxone), [call for at in sites for call in at.crowd.calls])


@dataclass
class Pair:
    """A primary and its standby."""

    primary: Postgres
    standby: Postgres

    @property
    def url(self) -> str:
        """The storage on both; the standby comes first, so that the order is of no help."""
        hosts = f"127.0.0.1:{self.standby.port},127.0.0.1:{self.primary.port}"
        return f"postgresql://postgres@{hosts}/{DATABASE}?target_session_attrs=read-write"

    async def fail_over(self) -> None:
        """The primary's machine dies; the standby becomes the primary."""
        self.primary.kill()
        await asyncio.to_thread(self.standby.promote)


@contextmanager
def pair(*, synchronous: bool) -> Iterator[Pair]:
    """Two servers that are up; with `synchronous` a commit waits for the standby."""
    primary = Postgres()
    try:
        primary.start()
        primary.run(f"CREATE DATABASE {DATABASE}", "postgres")
        standby = Postgres(primary=primary)
        try:
            standby.start()
            if synchronous:
                primary.run("ALTER SYSTEM SET synchronous_standby_names = 'standby'", "postgres")
                primary.run("SELECT pg_reload_conf()", "postgres")
            wanted = "sync" if synchronous else "async"
            state = "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'"
            eventually_now(lambda: primary.run(state, "postgres") == wanted, 60, f"the standby is {wanted}")
            yield Pair(primary, standby)
        finally:
            standby.remove()
    finally:
        primary.remove()
