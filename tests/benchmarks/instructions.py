# SPDX-License-Identifier: GPL-3.0-or-later
"""What one call costs in instructions, counted by callgrind: where they go, not exact enough for a line."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

from tests.benchmarks.edge import Load, cost, edge

_CALLS: Final = 30
_EVERY: Final = (
    1.2  # seconds from call to call: valgrind makes each last some 0.3 of them, so none meets another
)
_HOLD: Final = 500  # milliseconds: what set-up brings with it is over when the BYE comes
_THREADS: Final = {1: "loop"}
_FILE: Final = re.compile(r"\.(\d+)-(\d\d)$")
_NAME: Final = re.compile(r"^ob=\((\d+)\)(?: (.+))?$")
_PARTS: Final = (
    ("_pjsua2", "pjsua2"), ("libpython", "python"), ("/python3", "python"), ("sqlite", "sqlite"),
    ("/lib/python", "python extensions"), ("libc.", "libc"),
)  # fmt: skip


class NoValgrindError(Exception):
    """What counts is not there."""


async def instructions() -> dict[str, object]:
    """Instructions of one call with its arrival signal, by callgrind: two and a half minutes."""
    if shutil.which("valgrind") is None:
        raise NoValgrindError("there is no valgrind: apt-get install valgrind")
    with tempfile.TemporaryDirectory(prefix="handoff-instructions-") as folder:
        first, busy, second = await _counted(Path(folder))
    idle = min(first, second, key=lambda one: one.by_thread.total())  # what is done once a minute is left out
    # An agent that works ticks less often: its idle ticks fall into what is left of the time.
    ticked = busy.slept / idle.slept
    by_thread = {k: round((v - idle.by_thread[k] * ticked) / _CALLS) for k, v in busy.by_thread.items()}
    by_part = {k: round((v - idle.by_part[k] * ticked) / _CALLS) for k, v in busy.by_part.items()}
    return {
        "calls": _CALLS,
        "instructions_per_call": sum(by_thread.values()),
        "by_thread": _sorted(by_thread),
        "by_part": _sorted(by_part),
    }


class _Counts(NamedTuple):
    by_thread: Counter[str]
    by_part: Counter[str]
    slept: float  # seconds in which the process took no CPU


async def _counted(folder: Path) -> list[_Counts]:
    """What an agent costs in the same time: idle, with calls one by one, idle again."""
    valgrind = (
        "valgrind", "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes",
        f"--callgrind-out-file={folder}/out",
    )  # fmt: skip
    os.environ["PYTHONHASHSEED"] = "0"
    counts = []
    async with edge(200, within=valgrind) as house:
        pid = str(house.agent.pid)
        await Load(house, 2, 20, _HOLD).run()  # warm: the token, the caches
        for number, calls in enumerate((0, _CALLS, 0), 1):
            _control("-i", "on", pid)
            used, at = cost(house.agent.pid).cpu, time.monotonic()
            over = asyncio.create_task(asyncio.sleep(_CALLS * _EVERY))
            if calls:
                result = await Load(house, 1 / _EVERY, calls, _HOLD).run()
                assert result["successful"] == calls, result
            await over
            slept = time.monotonic() - at - (cost(house.agent.pid).cpu - used)
            _control("-i", "off", pid)
            _control("-d", pid)
            counts.append(_Counts(*_read(folder, number), slept))
    return counts


def _control(*arguments: str) -> None:
    command = ["callgrind_control", *arguments]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def _read(folder: Path, number: int) -> tuple[Counter[str], Counter[str]]:
    by_thread: Counter[str] = Counter()
    by_part: Counter[str] = Counter()
    for path in folder.iterdir():
        named = _FILE.search(path.name)
        if named is None or int(named[1]) != number:
            continue
        costs = _self_costs(path)
        by_thread[_THREADS.get(int(named[2]), "others")] += sum(costs.values())
        by_part.update(costs)
    return by_thread, by_part


def _self_costs(path: Path) -> Counter[str]:
    """Instructions of a dump by the part that ran them; what a function calls is told with the callee."""
    costs: Counter[str] = Counter()
    names: dict[str, str] = {}
    part, of_callee = "", False
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line[:1].isdigit() or line[:1] in "+-*":
                if not of_callee:
                    costs[part] += int(line.split()[1])
                of_callee = False
            elif line.startswith("calls="):
                of_callee = True
            elif line.startswith(("ob=", "cob=")):
                named = _NAME.match(line.removeprefix("c").strip())
                assert named is not None, line
                if named[2]:
                    names[named[1]] = named[2]
                if line.startswith("ob="):
                    part = _part(names[named[1]])
    return costs


def _part(name: str) -> str:
    return next((part for text, part in _PARTS if text in name), "other")


def _sorted(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
