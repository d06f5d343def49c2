# SPDX-License-Identifier: GPL-3.0-or-later
"""Record files under a real agent: kill -9 again and again, a disk of theirs that fails; no call minds."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import new_contact
from tests.calls.harness.metrics import total
from tests.calls.harness.plan import Plan
from tests.calls.harness.waiting import eventually
from tests.delivery.record_files.reading import lines_of
from tests.faults.harness.crowd import Way
from tests.faults.harness.disks import fill, mounted, remount
from tests.faults.harness.site import Site, site

pytestmark = [pytest.mark.calls, pytest.mark.slow]

KILLS = 6
WAYS = (Way.COMPLETED, Way.COMPLETED, Way.HUNG_UP, Way.HANDOFF, Way.CANCELLED, Way.NO_AGENT)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for some hundred lines."""
    with mounted(tmp_path / "disk", "size=256k") as place:
        yield place


def files_in(folder: Path, size: str = "64kB") -> Callable[[Plan], None]:
    """A plan whose record files are there."""

    def change(plan: Plan) -> None:
        plan.agent["records"] = {"folder": str(folder), "rotate": {"size": size}}

    return change


def lines(folder: Path) -> list[dict[str, Any]]:
    """All whole lines, in the order of the files."""
    return lines_of(folder, "edge-test")


def over(at: Site) -> list[tuple[int, str]]:
    """Number and id of each call that is over on disk, by number."""
    return sorted((row["record"], row["call_id"]) for row in at.books().calls if row["ended"] is not None)


def filed(folder: Path) -> list[tuple[int, str]]:
    """The same of the lines, as they come."""
    return [(line["sequence"], line["call_id"]) for line in lines(folder)]


async def written(folder: Path, wanted: int) -> None:
    """Wait until so many lines are there."""
    await eventually(lambda: len(filed(folder)) >= wanted, what="lines are written")


async def all_filed(at: Site, folder: Path) -> None:
    """Wait until each call that is over has its line, and hold the files to that: once, and in order."""
    await eventually(lambda: len(filed(folder)) >= len(over(at)), what="each call has its line")
    assert filed(folder) == over(at)


async def test_each_call_has_one_line_however_often_the_agent_is_killed(cxone: Cxone, tmp_path: Path) -> None:
    folder, choose = tmp_path / "records", random.Random(7)  # noqa: S311 - the same kills again
    async with site(cxone, tmp_path, files_in(folder)) as at:
        for _ in range(KILLS):
            await at.start()
            await at.up(1)  # it dies with its process
            before = len(filed(folder))
            for way in choose.choices(WAYS, k=24):
                at.crowd.call(new_contact(), way, talk=choose.uniform(0, 0.2))
                await asyncio.sleep(0.01)  # traffic, not a wait
            await written(folder, before + choose.randint(1, 12))
            await at.kill()
            found = filed(folder)
            assert found == over(at)[: len(found)], "in order, none twice, no gap"
        await at.start()
        await at.settled()
        await all_filed(at, folder)
        died = [line for line in lines(folder) if line["reason"] == "process_died"]
        assert len(died) >= KILLS, "calls of dead processes have their lines too"
        await at.stop()
        assert filed(folder) == over(at)


async def test_a_disk_that_is_full_touches_no_call_and_lines_come_once_there_is_room(
    cxone: Cxone, tmp_path: Path, disk: Path
) -> None:
    folder = disk / "records"
    async with site(cxone, tmp_path, files_in(folder)) as at:
        await at.start()
        await at.calls(5, Way.COMPLETED)
        await at.went_their_way()
        await at.settled()
        await all_filed(at, folder)
        ballast = fill(disk)
        await at.calls(30, Way.COMPLETED)
        await at.went_their_way()
        found = await at.settled()
        assert len(found.calls) == 35, "calls go on"
        fault = "handoff_record_files_fault"
        await eventually(lambda: total(at.house.metrics(), fault) == 1, what="the fault is told")
        assert at.house.operations("GET", "/readyz").status == 200, "the node takes calls all the same"
        told = "they wait in the storage, and calls go on"
        await eventually(lambda: told in at.house.agent.log.read_text(), what="the log says it")
        ballast.unlink()
        await all_filed(at, folder)
        await eventually(lambda: total(at.house.metrics(), fault) == 0, what="it is well again")
        assert not at.mistakes()
        at.house.agent.kill()


async def test_an_agent_that_is_killed_while_the_disk_is_read_only_loses_no_line(
    cxone: Cxone, tmp_path: Path, disk: Path
) -> None:
    folder = disk / "records"
    async with site(cxone, tmp_path, files_in(folder)) as at:
        await at.start()
        await at.calls(5, Way.COMPLETED)
        await at.went_their_way()
        await at.settled()
        await all_filed(at, folder)
        await at.kill()
        remount(disk, "ro")
        await at.start()  # which takes calls all the same
        await at.calls(5, Way.COMPLETED)
        await at.went_their_way()
        await at.settled()
        await at.kill()
        remount(disk, "rw")
        await at.start()
        await all_filed(at, folder)
        assert len(over(at)) == 10
        await at.stop()
