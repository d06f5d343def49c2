# SPDX-License-Identifier: GPL-3.0-or-later
"""The process ends whatever hangs: parts have their time, a second signal is heard by a thread of its own."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from agent import process
from agent.core.model import Agent
from agent.process import ENDED_BY_FORCE, Asked, Ending, done_before

ROOT = Path(__file__).parents[1]

# -- parts, one after the other ----------------------------------------------------------------------------


class Parts:
    """Parts that note their end; some hang or break."""

    def __init__(self, asked: Asked) -> None:
        self.trail: list[str] = []
        self.ending = Ending(asked)
        self.closing = AsyncExitStack()

    def add(self, name: str, usual: float = 60.0, forced: float = 60.0) -> None:
        """A part; what it does is in its name."""

        async def end() -> None:
            self.trail.append(name)
            if name == "hangs":
                try:
                    await asyncio.Event().wait()
                finally:
                    self.trail.append("was cancelled")
            if name == "can't be cancelled":
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    self.trail.append("goes on")
                    await asyncio.Event().wait()  # until the loop ends
            if name == "breaks":
                raise ValueError("odd")

        self.ending.add(self.closing, name, end, usual=usual, forced=forced)


async def test_the_last_one_goes_first_and_one_that_breaks_keeps_no_other_up() -> None:
    parts = Parts(Asked())
    for name in ("one", "breaks", "two"):
        parts.add(name)
    await parts.closing.aclose()
    assert parts.trail == ["two", "breaks", "one"]
    assert parts.ending.left_behind == []


async def test_one_that_hangs_is_cancelled_when_its_time_is_over() -> None:
    parts = Parts(Asked())
    parts.add("one")
    parts.add("hangs", usual=0.05)
    await parts.closing.aclose()
    assert parts.trail == ["hangs", "was cancelled", "one"]
    assert parts.ending.left_behind == ["hangs"]


async def test_one_that_can_t_even_be_cancelled_is_left_behind() -> None:
    parts = Parts(Asked())
    parts.add("one")
    parts.add("can't be cancelled", usual=0.05)
    await parts.closing.aclose()
    assert parts.trail == ["can't be cancelled", "goes on", "one"]


async def test_once_all_is_to_end_now_each_has_less_time_also_one_that_is_ending_already() -> None:
    asked = Asked()
    parts = Parts(asked)
    parts.add("hangs", usual=3600, forced=0.05)
    down = asyncio.ensure_future(parts.closing.aclose())
    while not parts.trail:
        await asyncio.sleep(0)
    assert not down.done()
    asked.end_now.set()
    await down
    assert asked.last_resort.step == "hangs", "that is what would have been named"


async def test_work_that_an_event_cuts_short() -> None:
    event, begun = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    waiting = asyncio.ensure_future(done_before(event, work()))
    await begun.wait()
    event.set()
    assert not await waiting
    assert not await done_before(event, work()), "it is not even begun"

    async def quick() -> None:
        await asyncio.sleep(0)

    assert await done_before(asyncio.Event(), quick())


# -- descriptors -------------------------------------------------------------------------------------------


def test_descriptors_are_taken_as_far_as_the_system_lets_us(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 20_000))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: taken.append(limits))
    assert process.descriptors(Agent(node="edge-1")).enough
    assert taken == [(20_000, 20_000)]


def test_too_few_are_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))
    assert not process.descriptors(Agent(node="edge-1")).enough
    assert "too few file descriptors" in "".join(capsys.readouterr())


# -- the whole process -------------------------------------------------------------------------------------

HANGS = """
import asyncio, sys, time
from agent.process import Asked, Ending
from agent.telemetry import logs
from contextlib import AsyncExitStack, suppress

logs.configure()
where = sys.argv[1]

async def hang():
    print("hangs", flush=True)
    if where == "the loop":
        time.sleep(3600)
    await asyncio.Event().wait()

async def main():
    asked = Asked()
    with logs.in_background(), asked.capture_signals():
        async with AsyncExitStack() as closing:
            Ending(asked).add(closing, "storage", hang, usual=3600, forced=3600)
            print("up", flush=True)
            await asked.end.wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("full", [False, True], ids=["", "and nobody reads its log"])
@pytest.mark.parametrize("where", ["the loop", "a part"])
def test_a_second_sigterm_ends_a_process_that_hangs(where: str, full: bool) -> None:  # noqa: FBT001
    reads, writes = os.pipe()
    if full:
        os.set_blocking(writes, False)
        while True:
            try:
                os.write(writes, b"x" * 4096)
            except BlockingIOError:
                break
        os.set_blocking(writes, True)
    with subprocess.Popen(
        [sys.executable, "-c", HANGS, where], stdout=subprocess.PIPE, stderr=writes, cwd=ROOT
    ) as child:
        os.close(writes)
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        child.send_signal(signal.SIGTERM)
        assert child.stdout.readline() == b"hangs\n"
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == ENDED_BY_FORCE
    if not full:
        said = os.read(reads, 65536).decode().splitlines()
        assert json.loads(said[-1])["event"] == "ended by force: something hung"
        assert json.loads(said[-1])["step"] == "storage"
    os.close(reads)


def test_a_process_whose_parts_all_end_ends_by_itself() -> None:
    script = HANGS.replace("await asyncio.Event().wait()", "return")
    with subprocess.Popen(
        [sys.executable, "-c", script, "nowhere"], stdout=subprocess.PIPE, cwd=ROOT
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == 0


LEAVES = """
import asyncio, signal, sys, threading, time
from agent.process import Asked
from agent.telemetry import logs

logs.configure()

async def main():
    asked = Asked()
    with asked.capture_signals(for_good=True):
        print("up", flush=True)
        await asked.end.wait()
        asked.last_resort.code = 7

asyncio.run(main())
print("left", flush=True)
if sys.argv[1] == "hangs":
    threading.Thread(target=time.sleep, args=(3600,)).start()
"""


def leaving(how: str) -> int:
    """The exit code of a process that is asked again and again, until it is no more."""
    with subprocess.Popen([sys.executable, "-c", LEAVES, how], stdout=subprocess.PIPE, cwd=ROOT) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        child.send_signal(signal.SIGTERM)
        assert child.stdout.readline() == b"left\n"
        while True:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                child.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                return child.wait(0.005)


def test_from_the_end_of_all_parts_on_no_signal_ends_it_otherwise() -> None:
    assert leaving("ends") == 0


def test_a_thread_of_a_library_does_not_keep_the_process() -> None:
    assert leaving("hangs") == 7


async def test_signals_do_what_they_did_before_once_nobody_captures_them() -> None:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    with Asked().capture_signals():
        assert not set(before) & {signal.getsignal(number) for number in numbers}
    assert [signal.getsignal(number) for number in numbers] == before
