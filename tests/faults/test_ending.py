# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not keep a running agent from serving, nor from ending: reloads, readers, HTTP peers."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.metrics import total
from tests.calls.harness.plan import Plan
from tests.calls.harness.processes import COMMAND, Process
from tests.calls.harness.waiting import eventually
from tests.calls.harness.web import answers

pytestmark = pytest.mark.calls

CALLS = 5
STARTS = 5
HALF = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture
def house(cxone: Cxone, tmp_path: Path) -> Iterator[House]:
    cxone.heal()
    house = House(Plan(cxone.port), cxone, tmp_path)
    yield house
    house.agent.kill()


def children(pid: int) -> list[int]:
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # it has ended meanwhile
            found += map(int, (thread / "children").read_text().split())
    return found


def halted(pid: int, kind: bytes = b"") -> int | None:
    """Stop a child whose command has these words; gives it once it stands still."""
    parents = Path(f"/proc/{pid}/cmdline").read_bytes()
    for child in children(pid):
        with suppress(OSError):  # it was quicker
            command = Path(f"/proc/{child}/cmdline").read_bytes()
            if kind in command and command != parents:  # else it has not begun
                os.kill(child, signal.SIGSTOP)
                if Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T":
                    return child
    return None


def begin(agent: Process, *numbers: signal.Signals) -> None:
    """Start it, and send it these as soon as it does not end by SIGHUP."""

    def taken() -> bool:
        said = dict(line.split(":") for line in Path(f"/proc/{agent.pid}/status").read_text().splitlines())
        return any(int(said[key], 16) >> (signal.SIGHUP - 1) & 1 for key in ("SigBlk", "SigCgt", "SigIgn"))

    agent.start(taken)
    for number in numbers:
        agent.send(number)


async def begun(house: House, kind: bytes = b"") -> int:
    """Begin a start; gives a child with these words in its command, which stands still and holds the start.

    A start that was quicker is ended, and another one begun.
    """

    def seen() -> int | None:
        return halted(house.agent.pid, kind) or (-1 if answers(house.plan.operations, "/readyz") else None)

    while True:
        await asyncio.to_thread(begin, house.agent)
        child = await eventually(seen, 60, "a child at work, or the agent ready", every=0.005)
        assert child is not None
        if child > 0:
            return child
        await asyncio.to_thread(house.agent.stop)


async def test_a_start_goes_on_whatever_signal_comes_that_asks_for_no_end(house: House) -> None:
    others = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
    child = await begun(house)
    for number in others:
        house.agent.send(number)
    os.kill(child, signal.SIGCONT)
    await eventually(lambda: answers(house.plan.operations, "/readyz"), 60, "it is ready")
    for number in others:
        house.agent.send(number)
    assert answers(house.plan.operations, "/readyz")
    await asyncio.to_thread(house.agent.stop)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_an_end_asked_for_during_the_start_is_one_in_order(
    house: House, number: signal.Signals
) -> None:
    for _ in range(STARTS):
        house.agent.log.write_text("")
        await asyncio.to_thread(begin, house.agent, number)
        await asyncio.to_thread(house.agent.ends)
        if "ready" not in house.agent.tail():
            return
    pytest.fail("each start was quicker")


async def test_an_end_does_not_wait_for_files_that_take_long_to_read(house: House) -> None:
    child = await begun(house)
    house.agent.send(signal.SIGTERM)
    await asyncio.to_thread(house.agent.ends)
    assert not Path(f"/proc/{child}").exists()


@pytest.mark.parametrize("times", [1, 2], ids=["SIGTERM", "SIGTERM twice"])
async def test_nor_for_tables_that_take_long_to_make(house: House, times: int) -> None:
    child = await begun(house, b"agent.delivery.schema")
    for _ in range(times):
        house.agent.send(signal.SIGTERM)
    await asyncio.to_thread(house.agent.ends)
    assert not Path(f"/proc/{child}").exists()


@pytest.mark.parametrize("again", [False, True], ids=["SIGTERM", "SIGTERM twice"])
async def test_a_reload_that_takes_long_does_not_outlive_the_process(house: House, again: bool) -> None:  # noqa: FBT001
    await asyncio.to_thread(house.start)

    def reading() -> int | None:
        if not children(house.agent.pid):
            house.agent.send(signal.SIGHUP)
        return halted(house.agent.pid)

    child = await eventually(reading, what="a child that never reads the files through")
    house.agent.send(signal.SIGTERM)
    if again:
        house.agent.send(signal.SIGTERM)
    await asyncio.to_thread(house.agent.ends)
    assert not Path(f"/proc/{child}").exists()


@pytest.mark.parametrize(
    "numbers",
    [(signal.SIGTERM,), (signal.SIGINT,), (signal.SIGHUP,), (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)],
    ids=lambda numbers: " ".join(number.name for number in numbers),
)
async def test_however_often_an_idle_agent_is_asked_it_ends_well(
    house: House, numbers: tuple[signal.Signals, ...]
) -> None:
    await asyncio.to_thread(house.start)
    assert await house.agent.asked_to_end(*numbers) == 0


async def test_one_that_is_asked_again_while_a_signal_is_under_way_ends_well(
    house: House, cxone: Cxone
) -> None:
    await asyncio.to_thread(house.start)
    contact = new_contact()
    cxone.fault(signal={"mode": "slow", "seconds": 30, "contact_id": contact})
    async with house.voice_agent("hangs_up"), house.caller("on_cue", contact) as caller:
        await caller.succeeds()
    assert await house.agent.asked_to_end() == 0


async def test_a_log_that_nobody_reads_holds_up_no_call_and_no_end(house: House) -> None:
    os.mkfifo(house.agent.log)
    reader = os.open(house.agent.log, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    await asyncio.to_thread(house.start)
    for _ in range(CALLS):
        async with house.voice_agent(), house.caller("basic_call", new_contact(), talk=100) as caller:
            await caller.succeeds()
    assert house.operations("GET", "/readyz").status == 200
    there = os.read(reader, 4096)
    assert there, "it began to write"
    assert there.count(b'"call over"') < CALLS, "the pipe has no room for all of it"
    house.agent.send(signal.SIGTERM)
    await eventually(lambda: house.agent.code is not None, what="the agent ends")
    os.close(reader)
    assert house.agent.code == 0


@pytest.mark.parametrize("where", ["&-", "/dev/full"], ids=["closed", "on a full disk"])
async def test_a_standard_error_that_takes_nothing_holds_up_nothing_and_what_is_lost_is_counted(
    house: House, where: str
) -> None:
    house.agent.within = ("/bin/sh", "-c", f'exec "$@" 2>{where}', "sh")
    await asyncio.to_thread(house.start)
    dropped = "handoff_log_lines_dropped_total"  # counted by the thread that writes the log
    await eventually(lambda: total(house.metrics(), dropped) > 0, what="lost lines are counted")
    target = Path(f"/proc/{house.agent.pid}/fd/2").readlink()
    assert str(target) in {"/dev/null", "/dev/full"}, "nothing else has taken its number"
    await asyncio.to_thread(house.agent.stop)


@pytest.mark.parametrize("where", ["2>&-", ">&- 2>&-", "2>/dev/full"])
def test_a_start_that_fails_has_its_exit_code_whoever_hears_of_it(tmp_path: Path, where: str) -> None:
    for folder, arguments, code in ((tmp_path, ("run",), 1), (tmp_path / "none", ("diff",), 2)):
        command = ("/bin/sh", "-c", f'exec "$@" {where}', "sh", str(COMMAND), *arguments)
        assert subprocess.run([*command, "--config", str(folder)], check=False).returncode == code


@pytest.mark.parametrize("listener", ["api", "operations"])
async def test_half_sent_http_requests_take_nothing_from_calls(house: House, listener: str) -> None:
    house.agent.within = ("/usr/bin/prlimit", "--nofile=300")
    await asyncio.to_thread(house.start)
    port = house.plan.api if listener == "api" else house.plan.operations
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(400)]
    try:
        for peer in held:
            peer.send(HALF)
        async with house.voice_agent(), house.caller("basic_call", new_contact(), talk=100) as caller:
            await caller.succeeds()
        assert house.agent.running
        # Heads have ten seconds: who asks then is served, though nobody closed anything.
        await eventually(lambda: answers(house.plan.operations, "/readyz"), what="it is served again")
    finally:
        for peer in held:
            peer.close()
    await asyncio.to_thread(house.agent.stop)
