# SPDX-License-Identifier: GPL-3.0-or-later
"""Kamailio in front of three agents: one drains, one dies, Kamailio itself starts anew, all under load."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.waiting import eventually
from tests.faults.harness.audit import ledger, mistakes
from tests.faults.harness.shared_record import settled
from tests.fleet.harness.fleet import CALLS_PER_SECOND, fleet

pytestmark = [pytest.mark.calls, pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(600)]

CALLS = 20 * CALLS_PER_SECOND


async def test_a_node_that_drains_costs_no_call(cxone: Cxone, tmp_path: Path, database: str) -> None:
    async with fleet(cxone, tmp_path, database) as site, site.load(CALLS) as carrier:
        await eventually(lambda: min(site.answered()) >= CALLS_PER_SECOND, 60, "each agent has calls")
        first = site.agents[0]
        assert first.operations("POST", "/drain").status == 202
        await eventually(lambda: not first.live(), 30, "its calls came to their own end")
        at_rest = site.answered_by(first)
        others = sum(site.answered()) - at_rest
        await eventually(
            lambda: sum(site.answered()) - at_rest >= others + 2 * CALLS_PER_SECOND,
            60,
            "the others take them",
        )
        assert site.answered_by(first) == at_rest
        assert first.operations("DELETE", "/drain").status == 200
        await eventually(lambda: site.answered_by(first) > at_rest, 30, "it has calls again")
        await carrier.succeeds()
        assert sum(site.answered()) == CALLS
        found = await settled(database)
    assert [row["end"] for row in found.calls] == ["caller"] * CALLS
    assert not mistakes(found, ledger(cxone), ())


async def test_a_node_that_dies_costs_only_what_it_had(cxone: Cxone, tmp_path: Path, database: str) -> None:
    async with fleet(cxone, tmp_path, database, silence=2) as site, site.load(CALLS) as carrier:
        await eventually(lambda: min(site.answered()) >= CALLS_PER_SECOND, 60, "each agent has calls")
        dead = site.agents[1]
        await asyncio.to_thread(dead.agent.kill)
        await carrier.succeeds()
        found = await settled(database, 60)
    ends = [row["end"] for row in found.calls]
    assert set(ends) == {"caller", "failed"}
    failed = [row for row in found.calls if row["end"] == "failed"]
    assert {(row["node"], row["reason"]) for row in failed} == {("edge-2", "process_died")}
    told = [row for row in found.signals if row["moment"] == "failed"]
    assert len(told) == len(failed)
    assert {row["state"] for row in told} == {"accepted"}
    assert not mistakes(found, ledger(cxone), ())


async def test_calls_outlive_the_front(cxone: Cxone, tmp_path: Path, database: str) -> None:
    async with fleet(cxone, tmp_path, database) as site, site.load(CALLS // 2) as carrier:
        await eventually(lambda: min(site.answered()) >= CALLS_PER_SECOND, 60, "each agent has calls")
        await asyncio.to_thread(site.front.stop)
        await asyncio.to_thread(site.front.start)
        await carrier.succeeds()
        found = await settled(database)
    assert [row["end"] for row in found.calls] == ["caller"] * (CALLS // 2)
    assert not mistakes(found, ledger(cxone), ())
