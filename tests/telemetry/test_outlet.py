# SPDX-License-Identifier: GPL-3.0-or-later
"""Log lines whose reader stands still: nobody waits for it, what is lost is counted and told."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.telemetry import outlet as module
from agent.telemetry.outlet import Outlet, write_if_possible

PIPE = 4096


class Pipe:
    """One of 4 KiB."""

    def __init__(self) -> None:
        self.reads, self.writes = os.pipe()
        fcntl.fcntl(self.writes, fcntl.F_SETPIPE_SZ, PIPE)

    def read(self, wanted: bytes) -> bytes:
        """Read until this has come."""
        got = b""
        while wanted not in got:
            got += os.read(self.reads, 65536)
        return got


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    for descriptor in (made.reads, made.writes):
        try:
            os.close(descriptor)
        except OSError:
            continue


def test_lines_come_in_their_order(pipe: Pipe) -> None:
    outlet = Outlet(pipe.writes, lambda _: None)
    for number in range(100):
        outlet.put(f"{number}\n")
    assert outlet.close(60)
    assert pipe.read(b"\n99\n").split() == [str(number).encode() for number in range(100)]


def test_what_comes_soon_after_a_write_is_written_together(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread sleeps meanwhile, and so leaves the interpreter to the loop."""
    written: list[bytes] = []
    asleep, lines = threading.Event(), threading.Event()

    def write(_: int, data: memoryview) -> int:
        written.append(bytes(data))
        return len(data)

    def sleep(_: float) -> None:
        asleep.set()
        lines.wait()

    monkeypatch.setattr("agent.telemetry.outlet.os.write", write)
    monkeypatch.setattr("agent.telemetry.outlet.time.sleep", sleep)
    outlet = Outlet(pipe.writes, lambda _: None)
    outlet.put("first\n")
    assert asleep.wait(60)
    for number in range(5):
        outlet.put(f"{number}\n")
    lines.set()
    assert outlet.close(60)
    assert written == [b"first\n", b"0\n1\n2\n3\n4\n"]


def test_nobody_waits_for_a_reader_that_stands_still_and_what_is_lost_is_told_when_it_goes_on(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CAPACITY", 50)
    told: list[int] = []
    outlet = Outlet(pipe.writes, told.append)
    line = "x" * 999 + "\n"
    put = 0
    while outlet.dropped < 7:  # it comes back at once each time, or this never ends
        outlet.put(line)
        put += 1
    assert not told
    left = put - outlet.dropped
    got = b""
    while len(got) < left * 1000:
        got += os.read(pipe.reads, 65536)
    outlet.put("again\n")
    got += pipe.read(b"again\n")
    assert outlet.close(60)
    assert sum(told) == 7
    assert got == line.encode() * left + b"again\n"


def test_long_lines_are_bounded_by_their_length(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CAPACITY_BYTES", 100_000)
    outlet = Outlet(pipe.writes, lambda _: None)
    for _ in range(10):
        outlet.put("x" * 50_000)
    assert outlet.dropped >= 6
    assert not outlet.close(0.1), "its reader stands still: it is given up"


def test_a_reader_that_has_gone_costs_the_lines_only(pipe: Pipe) -> None:
    os.close(pipe.reads)
    told: list[int] = []
    outlet = Outlet(pipe.writes, told.append)
    outlet.put("x\n")
    outlet.put("one\ntwo\n")
    assert outlet.close(60)
    assert outlet.dropped == 3
    assert told == [], "nobody would hear it"


def test_lines_that_a_full_disk_does_not_take_are_counted() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    outlet = Outlet(full, lambda _: None)
    outlet.put("x\n")
    assert outlet.close(60)
    os.close(full)
    assert outlet.dropped == 1


def test_a_line_that_a_full_disk_cut_short_is_ended_before_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    write, room, met = os.write, 7, threading.Event()

    def onto_disk(descriptor: int, data: memoryview) -> int:
        nonlocal room
        if descriptor != file:
            return write(descriptor, data)
        if not room:
            met.set()
            raise OSError(errno.ENOSPC, "full")
        taken = write(descriptor, data[:room])
        room -= taken
        return taken

    monkeypatch.setattr(os, "write", onto_disk)
    outlet = Outlet(file, lambda _: None)
    outlet.put("one\ntwo, cut\nthree\n")
    assert met.wait(60)
    met.clear()
    outlet.put("four\n")
    assert met.wait(60)
    room = 100
    outlet.put("five\n")
    assert outlet.close(60)
    os.close(file)
    assert (tmp_path / "log").read_text() == "one\ntwo\nfive\n"
    assert outlet.dropped == 3


def test_a_descriptor_that_does_not_block_is_waited_for(pipe: Pipe) -> None:
    os.set_blocking(pipe.writes, False)
    outlet = Outlet(pipe.writes, lambda _: None)
    outlet.put("x" * 3 * PIPE + "end")
    assert len(pipe.read(b"end")) == 3 * PIPE + 3
    assert outlet.close(60)


def test_last_words_are_lost_rather_than_waited_for(pipe: Pipe) -> None:
    os.set_blocking(pipe.writes, False)
    os.write(pipe.writes, b"x" * PIPE)
    os.set_blocking(pipe.writes, True)
    write_if_possible(pipe.writes, "lost\n", 0.05)
    os.read(pipe.reads, PIPE)
    write_if_possible(pipe.writes, "heard\n", 10.0)
    assert pipe.read(b"\n") == b"heard\n"


LOUD = """
import sys
from agent.telemetry import logs
logs.configure()
with logs.in_background():
    for number in range(20_000):
        logs.logger("loop").info("one more", number=number)
    print("the loop goes on", logs.dropped(), flush=True)
    sys.stdin.readline()
    while not sys.stdin.readline():
        pass
    logs.logger("loop").info("flows again")
"""


def test_a_process_whose_standard_error_is_full_goes_on_and_says_what_was_lost(pipe: Pipe) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LOUD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=pipe.writes,
        cwd=Path(__file__).parents[2],
    ) as process:
        os.close(pipe.writes)
        assert process.stdin is not None
        assert process.stdout is not None
        said = process.stdout.readline().split()
        assert said[:-1] == b"the loop goes on".split()
        lost = int(said[-1])
        assert lost >= 9_000
        process.stdin.write(b"read\n")
        process.stdin.flush()
        got = pipe.read(b"lines were dropped")
        process.stdin.write(b"end\n")
        process.stdin.flush()
        got += pipe.read(b"flows again")
        while more := os.read(pipe.reads, 65536):
            got += more
        assert process.wait(30) == 0
        lines = [json.loads(line) for line in got.splitlines()]
        (told,) = (line for line in lines if "dropped" in line["event"])
        assert (told["lines"], told["part"], told["level"]) == (lost, "log", "warning")
        assert len([line for line in lines if line["event"] == "one more"]) == 20_000 - lost


def test_a_process_that_ends_with_a_full_pipe_ends_all_the_same(pipe: Pipe) -> None:
    script = LOUD[: LOUD.index("    sys.stdin")]
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.DEVNULL,
        stderr=pipe.writes,
        cwd=Path(__file__).parents[2],
    )
    assert process.wait(60) == 0
