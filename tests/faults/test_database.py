# SPDX-License-Identifier: GPL-3.0-or-later
"""The shared database restarts, fails over or cuts connections under calls: none ends, none is told twice."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.metrics import total
from tests.calls.harness.postgres import Postgres
from tests.calls.harness.waiting import eventually
from tests.faults.harness.audit import ledger, mistakes
from tests.faults.harness.crowd import CrowdCall, Way
from tests.faults.harness.front import ARRIVAL
from tests.faults.harness.shared_record import agent, pair, settled
from tests.faults.harness.site import Site

pytestmark = [pytest.mark.calls, pytest.mark.slow]

PER_SECOND = 5
WAYS = (Way.COMPLETED, Way.HUNG_UP)
CUT = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'handoff-agent'"


async def under_calls(at: Site, fault: Callable[[], Awaitable[None]], seconds: int) -> list[CrowdCall]:
    """Let a fault happen among calls that go on for so long before it and after; gives those that stayed up.

    A caller who is told to come back while there is no database is counted by nobody: that is its answer.
    """
    stayed = await at.up(6)

    async def calls(count: int) -> None:
        for number in range(count):
            await at.calls(1, WAYS[number % 2], PER_SECOND, talk=0.4)

    await calls(PER_SECOND * seconds)
    meanwhile = asyncio.ensure_future(calls(PER_SECOND * seconds))
    await fault()
    await meanwhile
    await eventually(lambda: at.house.operations("GET", "/readyz").status == 200, 60, "ready again")
    assert not [call.seen for call in stayed if call.over], "no call that was up has ended"
    await calls(PER_SECOND)
    await at.went_their_way()
    return stayed


async def all_is_told(at: Site, url: str, stayed: list[CrowdCall]) -> None:
    """End what is up, each in its way; then compare the books."""
    for call in stayed[:3]:
        at.crowd.hand_off(call)
    for call in stayed[3:]:
        at.crowd.agent_hangs_up(call)
    await eventually(lambda: all(call.over for call in stayed), what="they are over")
    found = await settled(url, 60)
    entries = ledger(at.cxone)
    assert not mistakes(found, entries, at.crowd.calls)
    heard = Counter((one["contact_id"], one["parameters"]["p1"] == ARRIVAL) for one in entries)
    answered = [call for call in at.crowd.calls if call.saw("200 INVITE at the caller")]
    assert len(answered) > 2 * PER_SECOND
    for call in answered:
        assert heard[call.contact_id, True] == 1, f"{call.contact_id} arrived {call.seen}"
        told = 0 if call.way is Way.HUNG_UP else 1
        assert heard[call.contact_id, False] == told, f"{call.contact_id} ended {call.seen}"
    ends = {row["contact_id"]: row["end"] for row in found.calls}
    assert [ends[call.contact_id] for call in stayed] == ["handoff"] * 3 + ["completed"] * 3
    refused = [call for call in at.crowd.calls if call not in answered]
    assert all(call.saw("503 INVITE at the caller") for call in refused), [call.seen for call in refused]
    await at.stop()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
async def test_a_restart_of_the_database_ends_no_call_and_loses_no_signal(
    cxone: Cxone, tmp_path: Path, postgres: Postgres, database: str, how: signal.Signals
) -> None:
    async def restart() -> None:
        await asyncio.to_thread(postgres.stop, how)
        await asyncio.to_thread(postgres.start)

    async with agent(cxone, tmp_path, database) as at:
        await at.start()
        stayed = await under_calls(at, restart, 2)
        await all_is_told(at, database, stayed)


async def cut_again_and_again(at: Site, postgres: Postgres, database: str, times: int) -> None:
    """Cut the agent's connections, beginning a call after each cut."""

    async def cut() -> None:
        cuts = 0
        for number in range(times):
            cuts += int(await asyncio.to_thread(postgres.run, CUT, "postgres"))
            await at.calls(1, WAYS[number % 2], PER_SECOND, talk=0.4)
        assert cuts, "there was something to cut"

    stayed = await under_calls(at, cut, 1)
    await all_is_told(at, database, stayed)


async def test_connections_that_are_cut_again_and_again_end_no_call_and_lose_no_signal(
    cxone: Cxone, tmp_path: Path, postgres: Postgres, database: str
) -> None:
    async with agent(cxone, tmp_path, database) as at:
        await at.start()
        await cut_again_and_again(at, postgres, database, 15)


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_the_same_for_minutes(cxone: Cxone, tmp_path: Path, postgres: Postgres, database: str) -> None:
    async with agent(cxone, tmp_path, database) as at:
        await at.start()
        await cut_again_and_again(at, postgres, database, 600)


async def test_a_failover_to_a_synchronous_standby_loses_nothing_and_tells_nobody_twice(
    cxone: Cxone, tmp_path: Path
) -> None:
    with pair(synchronous=True) as both:
        async with agent(cxone, tmp_path, both.url) as at:
            await at.start()
            await eventually(
                lambda: total(at.house.metrics(), "handoff_database_synchronous") == 1, 60, "it is said"
            )
            stayed = await under_calls(at, both.fail_over, 2)
            await all_is_told(at, both.url, stayed)


async def test_a_failover_to_an_asynchronous_standby_that_was_behind_loses_the_record_of_calls_that_go_on(
    cxone: Cxone, tmp_path: Path
) -> None:
    """What docs/operations.md says may be lost; the callers do not notice, and none is told twice."""
    with pair(synchronous=False) as both:
        async with agent(cxone, tmp_path, both.url) as at:
            await at.start()
            (known,) = await at.up(1)
            calls = "SELECT count(*) FROM signals WHERE state = 'accepted'"
            await eventually(lambda: both.standby.run(calls, "handoff") == "1", what="it is replicated")
            both.standby.stop()  # nothing more gets there
            (lost,) = await at.up(1)
            both.primary.kill()
            await asyncio.to_thread(both.standby.start)
            await asyncio.to_thread(both.standby.promote)
            await eventually(lambda: at.house.operations("GET", "/readyz").status == 200, 60, "ready again")
            assert not [call.seen for call in (known, lost) if call.over], "they go on"
            for call in (known, lost):
                at.crowd.agent_hangs_up(call)
            await eventually(lambda: known.over and lost.over, what="they are over")
            terminal = [known.contact_id, lost.contact_id]

            def told() -> list[str]:
                heard = ledger(cxone)
                return sorted(one["contact_id"] for one in heard if one["parameters"]["p1"] != ARRIVAL)

            await eventually(lambda: told() == sorted(terminal), what="both scripts are told, once each")
            found = await settled(both.url, 60)
            assert [row["contact_id"] for row in found.calls] == [known.contact_id]
            assert Counter(row["contact_id"] for row in found.signals) == {
                known.contact_id: 2,
                lost.contact_id: 1,
            }
            assert len(ledger(cxone)) == 4
            await at.stop()
