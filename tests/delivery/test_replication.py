# SPDX-License-Identifier: GPL-3.0-or-later
"""How safe the shared database is: what a real primary and its standby say, and who is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from agent.core.errors import StorageError
from agent.core.replication import NO_DATABASE, Replication
from agent.delivery.postgres import PostgresStore
from agent.delivery.replication import ReplicationWatch
from agent.delivery.sqlite import SqliteStore
from agent.delivery.store import Store
from tests.calls.harness.postgres import Postgres
from tests.calls.harness.waiting import eventually


@pytest.fixture
def primary() -> Iterator[Postgres]:
    """A server of this test's own."""
    made = Postgres()
    made.start()
    yield made
    made.remove()


@asynccontextmanager
async def looking(url: str) -> AsyncIterator[Callable[[], object]]:
    """A store that looks, as a command opens it."""
    store = await PostgresStore.open(url, owner=False)
    try:
        yield store.replication
    finally:
        await store.aclose()


async def until(look: Callable[[], object], wanted: Callable[[Replication], bool], what: str) -> Replication:
    """Look until it is so."""
    found: list[Replication] = []

    async def seen() -> bool:
        found.append(await look())  # type: ignore[misc]
        return wanted(found[-1])

    await eventually(seen, what=what)
    return found[-1]


async def test_standbys_are_counted_by_whether_commits_wait_for_them(primary: Postgres) -> None:
    async with looking(primary.url("postgres")) as look:
        assert await look() == Replication(  # type: ignore[misc]
            primary=True,
            synchronous=False,
            readable=True,
            synchronous_standbys=0,
            asynchronous_standbys=0,
        )
        standby = Postgres(primary=primary)
        try:
            standby.start()
            found = await until(look, lambda it: it.asynchronous_standbys == 1, "it is attached")
            assert found.lag_bytes is not None
            assert found.lag_seconds is not None
            assert (found.synchronous, found.synchronous_standbys) == (False, 0)

            primary.run("ALTER SYSTEM SET synchronous_standby_names = 'standby'", "postgres")
            primary.run("SELECT pg_reload_conf()", "postgres")
            found = await until(look, lambda it: it.synchronous_standbys == 1, "commits wait for it")
            assert (found.synchronous, found.asynchronous_standbys) == (True, 0)
        finally:
            standby.remove()
        found = await until(look, lambda it: it.synchronous_standbys == 0, "it is gone")
        assert (found.synchronous, found.lag_bytes, found.lag_seconds) == (True, None, None)


async def test_a_role_that_may_not_read_them_says_so(primary: Postgres) -> None:
    async with looking(primary.url("postgres")):
        pass  # makes the tables
    primary.run("CREATE ROLE agent LOGIN", "postgres")
    primary.run("GRANT SELECT ON ALL TABLES IN SCHEMA public TO agent", "postgres")
    url = primary.url("postgres").replace("postgres@", "agent@")
    async with looking(url) as look:
        assert await look() == Replication(primary=True, synchronous=False, readable=False)  # type: ignore[misc]


class _Looked:
    """A store of which only this is asked."""

    def __init__(self, *answers: Replication | Exception) -> None:
        self._answers = list(answers)

    async def replication(self) -> Replication:
        """The next answer; then none comes any more."""
        if not self._answers:
            await asyncio.Event().wait()
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_each_look_is_told_and_none_that_fails_is_the_last() -> None:
    well = Replication(primary=True, synchronous=False, readable=False)
    bug = ValueError("a bug")
    told: list[object] = []
    store = _Looked(well, StorageError("away"), bug, well)
    watch = ReplicationWatch(store, told.append, lambda where, error: told.append((where, error)), every=0.0)  # type: ignore[arg-type]
    await eventually(lambda: len(told) == 4, what="all are told")
    assert told == [well, NO_DATABASE, ("replication", bug), well]
    await watch.aclose()


async def test_a_file_has_nothing_to_look_at(store: SqliteStore) -> None:
    asked: Store = store
    assert await asked.replication() is None
