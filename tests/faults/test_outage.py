# SPDX-License-Identifier: GPL-3.0-or-later
"""NICE down under 20 calls a second: no call is harmed, memory is bounded, the backlog goes out in order."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.metrics import total
from tests.calls.harness.waiting import eventually
from tests.faults.harness.audit import ledger
from tests.faults.harness.crowd import Way
from tests.faults.harness.site import Site, site, with_ttl

PER_SECOND = 20
WAYS = (Way.COMPLETED, Way.HANDOFF, Way.HUNG_UP, Way.NO_AGENT)
ENDS = {Way.COMPLETED: "completed", Way.HANDOFF: "handoff", Way.HUNG_UP: "caller", Way.NO_AGENT: "failed"}
MEGABYTE = 1024
MOST_GROWTH = 120 * MEGABYTE
"""KiB; some ten thousand signals that wait take less, a leak of two minutes of calls takes more."""


@dataclass
class Samples:
    """The agent's size, looked at after each second of calls."""

    site: Site
    memory: list[int] = field(default_factory=list)
    pending: list[float] = field(default_factory=list)
    tasks: list[float] = field(default_factory=list)

    def take(self) -> None:
        """One look."""
        samples = self.site.house.metrics()
        self.pending.append(total(samples, "handoff_signals_pending"))
        self.tasks.append(total(samples, "handoff_loop_tasks"))
        status = Path(f"/proc/{self.site.house.agent.pid}/status").read_text()
        self.memory.append(
            next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        )


async def outage(cxone: Cxone, folder: Path, seconds: int) -> None:
    """Take NICE away for so long."""
    choose = random.Random(seconds)  # noqa: S311 - the same calls each time
    async with site(cxone, folder, with_ttl("20m"), calls=200) as at:
        await at.start()
        samples = Samples(at)
        await at.calls(PER_SECOND, Way.COMPLETED, PER_SECOND)  # all is warm
        await at.went_their_way()
        await eventually(lambda: not at.pending, what="nothing waits before the outage")
        await asyncio.to_thread(samples.take)
        await at.front.shut()
        for _ in range(seconds):
            for _ in range(PER_SECOND):
                await at.calls(1, choose.choice(WAYS), PER_SECOND, talk=choose.uniform(0, 1))
            await asyncio.to_thread(samples.take)
        await at.went_their_way()
        await asyncio.to_thread(samples.take)
        backlog = samples.pending[-1]
        await at.front.open()
        books = await at.settled()
        await asyncio.to_thread(samples.take)
        assert not at.mistakes()
        assert {call.contact_id: ENDS[call.way] for call in at.crowd.calls} == {
            row["contact_id"]: row["end"] for row in books.calls
        }, "no call was harmed"
        told = [call for call in at.crowd.calls if call.way is not Way.HUNG_UP]
        terminal = [signal["state"] for signal in books.signals if signal["moment"] != "arrival"]
        assert terminal == ["accepted"] * len(told)
        assert len(told) - PER_SECOND <= backlog <= 2 * len(at.crowd.calls)
        _in_order(at)
        assert samples.pending[-1] == 0
        assert max(samples.tasks) <= 6 * len(at.crowd.calls) + 100, "tasks are bounded by what waits"
        assert samples.tasks[-1] <= samples.tasks[0] + 50, "and go with it"
        assert max(samples.memory) - samples.memory[0] < MOST_GROWTH
        await at.stop()


def _in_order(at: Site) -> None:
    """What CXone took of each contact came in the order of the moments, one after the other."""
    taken: defaultdict[str, list[str]] = defaultdict(list)
    for entry in ledger(at.cxone):
        if entry["accepted"]:
            taken[entry["contact_id"]].append(entry["parameters"]["p1"])
    wrong = {contact: moments for contact, moments in taken.items() if "Connected" in moments[1:]}
    assert not wrong, "an arrival came after the terminal moment"


@pytest.mark.calls
@pytest.mark.slow
async def test_half_a_minute_without_nice_harms_no_call_and_loses_no_signal(
    cxone: Cxone, tmp_path: Path
) -> None:
    await outage(cxone, tmp_path, 30)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_two_minutes_without_nice_harm_no_call_and_lose_no_signal(cxone: Cxone, tmp_path: Path) -> None:
    await outage(cxone, tmp_path, 120)
