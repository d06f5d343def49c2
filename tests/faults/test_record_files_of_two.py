# SPDX-License-Identifier: GPL-3.0-or-later
"""Two agents on one PostgreSQL that write record files, each killed again and again: each call once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.plan import Plan
from tests.calls.harness.postgres import Postgres
from tests.calls.harness.waiting import eventually
from tests.delivery.record_files.reading import lines_of
from tests.faults.harness.crowd import Way
from tests.faults.harness.site import Site, site

pytestmark = [pytest.mark.calls, pytest.mark.slow]

TAKEN_OVER = 60.0
"""Seconds: a lease, the beats around it, and a slow machine."""
NODES = ("edge-1", "edge-2")


@asynccontextmanager
async def agent(cxone: Cxone, place: Path, database: str, node: str, folder: Path) -> AsyncIterator[Site]:
    """One agent on a shared database, its record files in this folder."""
    place.mkdir()

    def change(plan: Plan) -> None:
        records = {"folder": str(folder), "rotate": {"size": "64kB"}}
        plan.agent |= {"node": node, "storage": database, "records": records}

    async with site(cxone, place, change) as at:
        yield at


async def over(database: str) -> dict[str, list[tuple[int, str]]]:
    """Number and id of each call that is over, by the node that ended it."""
    connection = await asyncpg.connect(database)
    try:
        query = "SELECT split_part(owner, '/', 1), record, call_id FROM calls WHERE ended IS NOT NULL"
        rows = await connection.fetch(f"{query} ORDER BY record")
        up = await connection.fetchval("SELECT count(*) FROM calls WHERE ended IS NULL")
    finally:
        await connection.close()
    found: dict[str, list[tuple[int, str]]] = {node: [] for node in NODES}
    for node, number, call_id in rows:
        found[node].append((number, call_id))
    return {**found, "up": [(0, "")] * up}


def filed(folder: Path, node: str) -> list[tuple[int, str]]:
    """The same of the lines of its files, as they come."""
    return [(line["sequence"], line["call_id"]) for line in lines_of(folder, node)]


@pytest.mark.parametrize("shared", [False, True], ids=["a folder each", "one folder"])
async def test_each_call_is_in_the_files_of_the_node_that_ended_it_once(
    cxone: Cxone, tmp_path: Path, postgres: Postgres, *, shared: bool
) -> None:
    database = postgres.new()
    folders = {node: tmp_path / ("records" if shared else f"records-{node}") for node in NODES}
    async with (
        agent(cxone, tmp_path / "one", database, "edge-1", folders["edge-1"]) as one,
        agent(cxone, tmp_path / "two", database, "edge-2", folders["edge-2"]) as two,
    ):
        await asyncio.gather(one.start(), two.start())
        for dies, lives in ((one, two), (two, one)):
            await asyncio.gather(dies.up(3), lives.up(1))
            await asyncio.gather(dies.calls(15, Way.COMPLETED), lives.calls(15, Way.COMPLETED))
            await asyncio.gather(dies.went_their_way(), lives.went_their_way())
            await dies.kill()  # in the middle of its lines, as likely as not

            async def taken_over() -> bool:
                return len((await over(database))["up"]) <= 2  # those of the survivor, of both rounds

            await eventually(taken_over, TAKEN_OVER, "the survivor has ended its calls")
            await dies.start()
        for at in (one, two):
            for call in at.crowd.calls:
                if not call.over:
                    at.crowd.hang_up(call)

        async def all_filed() -> bool:
            found = await over(database)
            return not found["up"] and all(filed(folders[node], node) == found[node] for node in NODES)

        await eventually(all_filed, TAKEN_OVER, "each call is in the files of its node, once, in order")
        found: list[dict[str, Any]] = [line for node in NODES for line in lines_of(folders[node], node)]
        ids = [line["call_id"] for line in found]
        assert len({*ids}) == len(ids), "none is in two files"
        died = [line for line in lines_of(folders["edge-2"], "edge-2") if line["reason"] == "process_died"]
        assert {line["node"] for line in died} == {"edge-1"}, "the survivor wrote what it took over"
        await asyncio.gather(one.stop(), two.stop())
