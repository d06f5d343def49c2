# SPDX-License-Identifier: GPL-3.0-or-later
"""Two agents on one PostgreSQL: one dies, stops or loses the database, and each contact hears once."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from pathlib import Path

import pytest

from agent.delivery.lease import HEARTBEAT_SECONDS, LEASE_SECONDS
from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import new_contact
from tests.calls.harness.plan import SECRETS
from tests.calls.harness.postgres import Postgres
from tests.calls.harness.processes import COMMAND
from tests.calls.harness.waiting import eventually, throughout
from tests.faults.harness.crowd import Way
from tests.faults.harness.killer import Strike
from tests.faults.harness.shared_record import agent, books, breaches, settled

pytestmark = [pytest.mark.calls, pytest.mark.slow]


@pytest.mark.parametrize(
    "strike",
    [
        Strike("arrival request", 3, 0),
        Strike("terminal request", 4, 300),
        Strike("terminal answer in hand", 4, 0),
        Strike("terminal answer returned", 6, 500),
        Strike("ACK at the voice agent", 20, 0),
    ],
    ids=lambda strike: strike.step,
)
async def test_a_survivor_takes_over_what_a_killed_agent_had_in_hand(
    cxone: Cxone, tmp_path: Path, database: str, strike: Strike
) -> None:
    async with (
        agent(cxone, tmp_path / "one", database, "edge-1") as one,
        agent(cxone, tmp_path / "two", database, "edge-2") as two,
    ):
        await asyncio.gather(one.start(), two.start())
        await one.up(10)
        mine = await two.up(3)
        one.killer.arm(strike)
        await one.calls(30, Way.COMPLETED)
        await eventually(lambda: one.killer.struck, what="the strike has fallen")
        await one.kill()
        at_death = await books(database)
        left = [row for row in at_death.calls if row["ended"] is None and row["node"] == "edge-1"]
        assert len(left) >= 10

        for call in mine:
            two.crowd.hang_up(call)
        found = await settled(database)
        assert not breaches(found, cxone, one, two)
        ends = {row["call_id"]: (row["end"], row["reason"]) for row in found.calls}
        assert {ends[row["call_id"]][1] for row in left} == {"process_died"}
        failed = [row["state"] for row in found.signals if row["moment"] == "failed"]
        assert len(failed) >= 10
        assert set(failed) == {"accepted"}
        assert [row["end"] for row in found.calls if row["node"] == "edge-2"] == ["caller"] * 3
        assert two.house.agent.running
        await two.stop()


async def test_an_agent_that_starts_again_at_once_does_not_wait_for_its_lease(
    cxone: Cxone, tmp_path: Path, database: str
) -> None:
    async with agent(cxone, tmp_path / "one", database, "edge-1") as one:
        await one.start()
        await one.up(5)
        await one.kill()
        await one.start()
        ready = time.time()
        found = await settled(database)
        assert [row["end"] for row in found.calls] == ["failed"] * 5
        assert max(row["ended"] for row in found.calls) < ready + LEASE_SECONDS / 2
        assert not breaches(found, cxone, one)
        await one.stop()


async def test_an_agent_that_ends_in_order_leaves_what_waits_to_its_neighbour(
    cxone: Cxone, tmp_path: Path, database: str
) -> None:
    async with (
        agent(cxone, tmp_path / "one", database, "edge-1") as one,
        agent(cxone, tmp_path / "two", database, "edge-2") as two,
    ):
        await asyncio.gather(one.start(), two.start())
        await one.up(4)
        await one.front.shut()  # NICE is out of the first one's reach
        await one.drain()
        one.house.agent.send(signal.SIGTERM)
        await asyncio.to_thread(one.house.agent.ends, 25)
        found = await settled(database)
        told = [(row["moment"], row["state"]) for row in found.signals if row["moment"] != "arrival"]
        assert told == [("failed", "accepted")] * 4
        assert not breaches(found, cxone, one, two)
        await two.stop()


async def test_an_agent_that_was_stopped_for_longer_than_its_lease_sends_nothing_of_before(
    cxone: Cxone, tmp_path: Path, database: str
) -> None:
    async with (
        agent(cxone, tmp_path / "one", database, "edge-1") as one,
        agent(cxone, tmp_path / "two", database, "edge-2") as two,
    ):
        await asyncio.gather(one.start(), two.start())
        calls = await one.up(4)
        one.house.agent.send(signal.SIGSTOP)
        for call in calls[:2]:
            one.crowd.hand_off(call)  # is heard when it wakes
        found = await settled(database)
        assert [row["end"] for row in found.calls] == ["failed"] * 4
        one.house.agent.send(signal.SIGCONT)
        await eventually(lambda: all(call.promised for call in calls[:2]), what="the handoffs are answered")
        assert {call.promised for call in calls[:2]} <= {409, 503}
        await eventually(
            lambda: one.house.operations("GET", "/readyz").status == 200, what="it is ready again"
        )
        (late,) = await one.calls(1, Way.COMPLETED)
        await eventually(lambda: late.over, what="it takes calls again")
        found = await settled(database)
        assert [row["end"] for row in found.calls] == ["failed"] * 4 + ["completed"]
        assert not breaches(found, cxone, one, two)
        await two.stop()


async def test_a_second_agent_of_the_same_name_is_refused_in_one_line(
    cxone: Cxone, tmp_path: Path, database: str
) -> None:
    async with (
        agent(cxone, tmp_path / "one", database, "edge-1") as one,
        agent(cxone, tmp_path / "two", database, "edge-1") as two,
    ):
        await one.start()
        second = await asyncio.create_subprocess_exec(
            *(COMMAND, "run", "--config", two.house.config),
            env=SECRETS,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        _, said = await asyncio.wait_for(second.communicate(), 60)
        assert second.returncode == 2
        why = (
            f"storage {database.replace('postgres@', '')} can't be used: another agent named edge-1 is alive"
        )
        last = said.decode().splitlines()[-1]
        assert last == f"handoff-agent: {why} on it: give each node a name of its own"
        await one.stop()


async def test_calls_go_on_while_the_database_is_away_and_new_ones_are_told_to_come_back(
    cxone: Cxone, tmp_path: Path, postgres: Postgres, database: str
) -> None:
    async with (
        agent(cxone, tmp_path / "one", database, "edge-1") as one,
        agent(cxone, tmp_path / "two", database, "edge-2") as two,
    ):
        await asyncio.gather(one.start(), two.start())
        calls = await one.up(6)
        ended, calls = calls[4:], calls[:4]
        postgres.stop()
        try:
            await eventually(lambda: "PostgreSQL" in one.house.unready(), what="not ready, and why")
            refused = one.crowd.call(new_contact(), Way.STAYS)
            await eventually(lambda: refused.saw("503 INVITE at the caller"), what="503")
            for call in ended:
                one.crowd.agent_hangs_up(call)
            await eventually(lambda: all(call.over for call in ended), what="no caller is held up")
            await throughout(
                LEASE_SECONDS + HEARTBEAT_SECONDS, lambda: not any(call.over for call in calls), "calls go on"
            )
        finally:
            postgres.start()
        for at in (one, two):
            await eventually(
                lambda at=at: at.house.operations("GET", "/readyz").status == 200,  # type: ignore[misc]
                15,
                "ready again",
            )
        for call in calls[:2]:
            one.crowd.hand_off(call)
        await eventually(lambda: all(call.promised == 202 for call in calls[:2]), what="handoffs are taken")
        for call in calls[2:]:
            one.crowd.hang_up(call)
        found = await settled(database)
        ends = ["caller", "caller", "completed", "completed", "handoff", "handoff"]
        assert sorted(row["end"] for row in found.calls) == ends
        assert not breaches(found, cxone, one, two)
        await asyncio.gather(one.stop(), two.stop())
