# SPDX-License-Identifier: GPL-3.0-or-later
"""The SQLite file in trouble under a real agent: calls that are up go on, new ones get 503, and it heals."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.process import ENDED_BY_FORCE
from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import new_contact
from tests.calls.harness.metrics import total
from tests.calls.harness.plan import SECRETS, Plan
from tests.calls.harness.processes import COMMAND
from tests.calls.harness.waiting import eventually
from tests.calls.harness.web import answers
from tests.faults.harness.audit import Books, ledger, mistakes
from tests.faults.harness.crowd import CrowdCall, Way
from tests.faults.harness.disks import fill, mounted
from tests.faults.harness.site import Site, site

pytestmark = [pytest.mark.calls, pytest.mark.slow]

SMALL = "4m"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with little room."""
    with mounted(tmp_path / "disk", f"size={SMALL}") as place:
        yield place


def on(path: Path) -> Callable[[Plan], None]:
    """A plan whose record is there."""

    def change(plan: Plan) -> None:
        plan.agent["storage"] = f"sqlite://{path}"

    return change


async def new_calls_are_refused(at: Site, why: str) -> None:
    """Hold the agent to saying why it takes no call: to the balancer, to the caller."""
    await eventually(lambda: why in at.house.unready(), what=f"not ready: {why}")
    assert at.house.operations("GET", "/healthz").status == 200
    refused = at.crowd.call(new_contact(), Way.STAYS)
    await eventually(lambda: refused.saw("503 INVITE at the caller"), what="503")


async def ready(at: Site) -> None:
    """Wait until it takes calls again, by itself."""
    await eventually(lambda: answers(at.house.plan.operations, "/readyz"), 60, "ready again")


async def settled(path: Path, within: float = 60) -> Books:
    """Wait until no call is up and no signal open."""
    await eventually(lambda: Books.read(path).settled, within, "every call is over, every signal settled")
    return Books.read(path)


@dataclass
class Full:
    """An agent whose disk filled up, and whose voice agents hung up then.

    Attributes:
        at: where it is.
        path: its record.
        calls: those that ended.
        ballast: what fills the disk.
    """

    at: Site
    path: Path
    calls: list[CrowdCall]
    ballast: Path


@asynccontextmanager
async def ended_on_a_full_disk(cxone: Cxone, folder: Path, disk: Path, count: int) -> AsyncIterator[Full]:
    """So many calls that ended so."""
    path = disk / "agent.db"
    async with site(cxone, folder, on(path)) as at:
        await at.start()
        calls = await at.up(count)
        ballast = fill(disk)
        at.crowd.call(new_contact(), Way.STAYS)  # finds out
        await new_calls_are_refused(at, "full")
        for call in calls:
            at.crowd.agent_hangs_up(call)
        await eventually(lambda: all(call.over for call in calls), what="no caller is held up")
        yield Full(at, path, calls, ballast)


def told_as_completed(found: Books, cxone: Cxone, calls: list[CrowdCall]) -> None:
    """Hold the record to these calls, each told once as what it was."""
    assert [row["end"] for row in found.calls] == ["completed"] * len(calls)
    terminal = [row for row in found.signals if row["moment"] != "arrival"]
    assert [(row["moment"], row["state"]) for row in terminal] == [("completed", "accepted")] * len(calls)
    assert not mistakes(found, ledger(cxone), calls)


async def test_a_full_disk_harms_no_call_that_is_up_and_nothing_is_sent_twice(
    cxone: Cxone, tmp_path: Path, small_disk: Path
) -> None:
    path = small_disk / "agent.db"
    async with site(cxone, tmp_path, on(path)) as at:
        await at.start()
        calls = await at.up(12)
        ballast = fill(small_disk)
        lost = at.crowd.call(new_contact(), Way.STAYS)  # finds out
        await eventually(lambda: lost.saw("503 INVITE at the caller"), what="503")
        await new_calls_are_refused(at, "full")
        for call in calls[:3]:
            at.crowd.hang_up(call)
        for call in calls[3:6]:
            at.crowd.hand_off(call)
        await eventually(lambda: all(call.over for call in calls[:3]), what="callers may hang up")
        await eventually(lambda: all(call.promised for call in calls[3:6]), what="handoffs are answered")
        assert {call.promised for call in calls[3:6]} == {503}
        assert not any(call.over for call in calls[6:])

        ballast.unlink()
        await ready(at)
        for call in calls[3:6]:
            at.crowd.hand_off(call)  # again, as a voice agent does after 503
        await eventually(lambda: all(call.over for call in calls[3:6]), what="they are handed off after all")
        for call in calls[6:]:
            at.crowd.hang_up(call)
        await at.calls(5, Way.COMPLETED)
        await at.went_their_way()
        found = await settled(path)
        assert not mistakes(found, ledger(cxone), at.crowd.calls)
        assert len(found.calls) == 17
        assert {row["end"] for row in found.calls} == {"caller", "handoff", "completed"}
        await at.stop()


async def test_what_ends_while_the_disk_is_full_is_told_once_there_is_room(
    cxone: Cxone, tmp_path: Path, small_disk: Path
) -> None:
    async with ended_on_a_full_disk(cxone, tmp_path, small_disk, 6) as full:
        # And what the refused call may have left on disk.
        metrics, waiting = full.at.house.metrics, "handoff_moments_waiting"
        await eventually(lambda: total(metrics(), waiting) == 6 + 1, what="all of it waits")
        assert {row["ended"] for row in Books.read(full.path).calls} == {None}
        full.ballast.unlink()
        await ready(full.at)
        told_as_completed(await settled(full.path), cxone, full.calls)
        await eventually(lambda: total(metrics(), waiting) == 0, what="nothing waits")
        await full.at.stop()


async def test_an_agent_that_is_to_end_waits_for_room_and_tells_what_ended_on_a_full_disk_as_it_was(
    cxone: Cxone, tmp_path: Path, small_disk: Path
) -> None:
    async with ended_on_a_full_disk(cxone, tmp_path, small_disk, 3) as full:
        agent = full.at.house.agent
        agent.send(signal.SIGTERM)
        await eventually(lambda: "the end waits for the storage" in agent.log.read_text(), what="it waits")
        assert agent.running
        full.ballast.unlink()
        await asyncio.to_thread(agent.ends)
        told_as_completed(Books.read(full.path), cxone, full.calls)


@pytest.mark.parametrize("killed", [True, False], ids=["is killed", "is asked to end again and again"])
async def test_what_ended_on_a_full_disk_is_told_as_failed_where_the_process_ends_too(
    cxone: Cxone,
    tmp_path: Path,
    small_disk: Path,
    killed: bool,  # noqa: FBT001
) -> None:
    async with ended_on_a_full_disk(cxone, tmp_path, small_disk, 4) as full:
        at = full.at
        if killed:
            await at.kill()
        else:
            assert await at.house.agent.asked_to_end() == 0
            said = at.house.agent.log.read_text()
            assert said.count("the next start tells its script failed") >= len(full.calls)
        full.ballast.unlink()
        await at.start()
        found = await settled(full.path)
        assert [(row["end"], row["reason"]) for row in found.calls] == [("failed", "process_died")] * 4
        assert not mistakes(found, ledger(cxone), at.crowd.calls)
        await at.stop()


async def test_a_file_that_somebody_holds_locked_is_waited_for(cxone: Cxone, tmp_path: Path) -> None:
    async with site(cxone, tmp_path) as at:
        await at.start()
        (call,) = await at.up(1)
        with closing(sqlite3.connect(tmp_path / "agent.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            at.crowd.call(new_contact(), Way.STAYS)
            await new_calls_are_refused(at, "locked")
            assert not call.over
            other.execute("ROLLBACK")
        await ready(at)
        at.crowd.hang_up(call)
        await settled(tmp_path / "agent.db")
        await at.stop()


async def test_an_end_during_which_somebody_holds_the_file_locked_is_one_by_force(
    cxone: Cxone, tmp_path: Path
) -> None:
    async with site(cxone, tmp_path) as at:
        await at.start()
        await at.up(1)
        with closing(sqlite3.connect(tmp_path / "agent.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert await at.house.agent.asked_to_end() == ENDED_BY_FORCE
        assert "ended by force" in at.house.agent.tail()


async def test_a_file_that_somebody_deletes_is_put_back_with_all_that_was_in_it(
    cxone: Cxone, tmp_path: Path
) -> None:
    async with site(cxone, tmp_path) as at:
        await at.start()
        calls = await at.up(3)
        for file in tmp_path.glob("agent.db*"):
            file.unlink()
        await at.calls(5, Way.COMPLETED)
        for call in calls:
            at.crowd.hand_off(call)
        await eventually(lambda: all(call.over for call in calls), what="they are handed off")
        await at.went_their_way()
        found = await settled(tmp_path / "agent.db")
        assert len(found.calls) == 8
        assert not mistakes(found, ledger(cxone), at.crowd.calls)
        await at.stop()


async def test_a_file_in_the_place_of_the_agent_s_own_is_not_written_to(cxone: Cxone, tmp_path: Path) -> None:
    path = tmp_path / "agent.db"
    async with site(cxone, tmp_path) as at:
        await at.start()
        (call,) = await at.up(1)
        path.rename(tmp_path / "moved.db")
        path.write_bytes(b"another file")
        at.crowd.call(new_contact(), Way.STAYS)
        await new_calls_are_refused(at, "replaced")
        assert not call.over
        assert path.read_bytes() == b"another file"
        (tmp_path / "moved.db").rename(path)
        await ready(at)
        at.crowd.hang_up(call)
        assert len((await settled(path)).calls) == 1
        await at.stop()


@pytest.mark.parametrize("kind", ["rubbish", "folder is read-only", "cut in the middle"])
async def test_a_file_that_can_t_be_used_ends_the_start_with_one_line(
    cxone: Cxone, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "data" / "agent.db"
    path.parent.mkdir()
    async with site(cxone, tmp_path, on(path)) as at:
        if kind == "rubbish":
            path.write_bytes(b"not a database, by no means " * 1000)
        elif kind == "cut in the middle":
            await at.start()
            await at.stop()
            path.write_bytes(path.read_bytes()[:5000])
        with ExitStack() as disks:
            if kind == "folder is read-only":
                disks.enter_context(mounted(path.parent, "ro,size=1m"))
            process = await asyncio.create_subprocess_exec(
                str(COMMAND),
                "run",
                "--config",
                str(at.house.config),
                env=SECRETS,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            _, said = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 2
        (line,) = said.decode().splitlines()
        assert line.startswith(f"handoff-agent: storage {path} can't be used: ")
