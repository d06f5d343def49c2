# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent ends, dies and starts while NICE is away or calls are up; what was recorded comes to its end."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.metrics import total
from tests.calls.harness.plan import Plan
from tests.calls.harness.waiting import eventually
from tests.faults.harness.audit import Books, ledger
from tests.faults.harness.crowd import CrowdCall, Way
from tests.faults.harness.site import Site, site, with_ttl

pytestmark = [pytest.mark.calls, pytest.mark.slow]


def _terminal(books: Books) -> list[tuple[str, str]]:
    return [(row["moment"], row["state"]) for row in books.signals if row["moment"] != "arrival"]


def _ends(books: Books) -> set[tuple[str, str]]:
    return {(row["end"], row["reason"]) for row in books.calls}


async def test_a_second_sigterm_without_nice_leaves_the_failed_signals_to_the_next_start(
    cxone: Cxone, tmp_path: Path
) -> None:
    async with site(cxone, tmp_path) as at:
        await at.start()
        calls = await at.up(5)
        await at.front.shut()
        await at.drain()
        at.house.agent.send(signal.SIGTERM)
        await eventually(lambda: all(call.saw("BYE at the caller") for call in calls), what="calls are ended")
        await asyncio.to_thread(at.house.agent.ends, 25)
        books = at.books()
        assert _ends(books) == {("failed", "shutdown")}
        assert _terminal(books) == [("failed", "recorded")] * 5
        at.crowd.forget()
        await at.front.open()
        await at.start()
        assert _terminal(await at.settled()) == [("failed", "accepted")] * 5
        assert not at.mistakes()
        await at.stop()


async def test_a_kill_in_the_middle_of_a_drain_loses_nothing(cxone: Cxone, tmp_path: Path) -> None:
    async with site(cxone, tmp_path) as at:
        await at.start()
        calls = await at.up(12)
        await at.drain()
        for call in calls[:4]:
            at.crowd.hang_up(call)
        await eventually(lambda: all(call.over for call in calls[:4]), what="some hung up")
        for call in calls[4:8]:
            at.crowd.hand_off(call)
        await eventually(lambda: any(call.promised for call in calls[4:8]), what="a handoff was promised")
        await at.kill()
        await at.start()
        books = await at.settled()
        assert len(books.calls) == 12
        assert len(_terminal(books)) >= 8
        assert not at.mistakes()
        await at.stop()


async def test_an_agent_that_starts_without_nice_takes_calls_and_catches_up(
    cxone: Cxone, tmp_path: Path
) -> None:
    async with site(cxone, tmp_path) as at:
        await at.start()
        await at.up(5)
        await at.front.shut()
        await at.kill()
        await at.start()
        assert {row["state"] for row in at.books().signals if row["moment"] == "failed"} <= {
            "recorded",
            "sending",
        }
        await at.calls(10, Way.COMPLETED)
        await at.went_their_way()
        await at.front.open()
        books = await at.settled()
        assert sorted(_terminal(books)) == [("completed", "accepted")] * 10 + [("failed", "accepted")] * 5
        assert not at.mistakes()
        await at.stop()


async def test_a_signal_whose_time_passes_while_the_agent_is_down_expires_unsent_and_is_counted(
    cxone: Cxone, tmp_path: Path
) -> None:
    async with site(cxone, tmp_path, with_ttl("4s")) as at:
        cxone.fault(token={"mode": "timeout_before_accept"})  # signals wait for a log-in that never answers
        await at.start()
        calls = await _up_unsignalled(at, 6)
        for call in calls:
            at.crowd.hand_off(call)
        await eventually(lambda: all(call.promised for call in calls), what="handoffs are promised")
        await at.kill()
        waiting = [row for row in at.books().signals if row["moment"] == "handoff"]
        assert [row["state"] for row in waiting] == ["recorded"] * 6
        sent = len(ledger(cxone))
        last = max(row["expires"] for row in waiting)
        await eventually(lambda: time.time() > last, what="their time has passed")
        cxone.heal()
        await at.start()
        books = await at.settled()
        assert _terminal(books) == [("handoff", "expired")] * 6
        assert _ends(books) == {("handoff", "process_died")}
        counted = total(at.house.metrics(), "handoff_signals_total", moment="handoff", outcome="expired")
        assert counted == 6
        assert len(ledger(cxone)) == sent
        assert not at.mistakes()
        await at.stop()


async def test_an_arrival_that_waited_when_the_caller_hung_up_is_not_sent_by_the_next_process(
    cxone: Cxone, tmp_path: Path
) -> None:
    async with site(cxone, tmp_path) as at:
        cxone.fault(token={"mode": "timeout_before_accept"})  # signals wait for a log-in that never answers
        await at.start()
        for call in await _up_unsignalled(at, 5):
            at.crowd.hang_up(call)
        await eventually(lambda: all(row["ended"] for row in at.books().calls), what="the calls are over")
        await at.kill()
        assert {row["state"] for row in at.books().signals} <= {"recorded", "cancelled"}
        cxone.heal()
        await at.start()
        books = await at.settled()
        assert _ends(books) == {("caller", "caller_hung_up")}
        assert [row["state"] for row in books.signals] == ["cancelled"] * 5
        assert not ledger(cxone)
        await at.stop()


async def _up_unsignalled(at: Site, count: int) -> list[CrowdCall]:
    calls = await at.calls(count, Way.STAYS)
    await at.went_their_way()
    return calls


async def test_a_caller_whom_the_voice_agent_kept_is_handed_over_after_all_when_the_agent_dies(
    cxone: Cxone, tmp_path: Path
) -> None:
    def keep(plan: Plan) -> None:
        plan.projects["acme-care"]["handoff"]["on_signal_failure"] = "keep"

    async with site(cxone, tmp_path, keep) as at:
        await at.start()
        (call,) = await at.up(1)
        await at.front.shut()
        at.crowd.hand_off(call)
        await eventually(lambda: [row["state"] for row in at.house.live()] == ["kept"], what="kept")
        await eventually(lambda: _terminal(at.books()) == [("handoff", "cancelled")], what="taken back")
        await at.kill()
        await at.front.open()
        await at.start()
        books = await at.settled()
        assert _terminal(books) == [("handoff", "accepted")]
        taken = [entry for entry in ledger(cxone) if entry["parameters"].get("p1") != "Connected"]
        assert len(taken) == 1
        told = next(row["signal_id"] for row in books.signals if row["moment"] == "handoff")
        tries = [row["outcome"] for row in books.attempts if row["signal_id"] == told]
        assert tries[-2:] == ["sent_after_death", "accepted"]
        assert not at.mistakes()
        await at.stop()
