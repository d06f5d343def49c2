# SPDX-License-Identifier: GPL-3.0-or-later
"""What one call costs in instructions, counted by callgrind: exact enough to hold a line."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

from tests.benchmarks.edge import Load, edge

COMMITTED: Final = Path("docs/performance/raw/instructions.json")
_MORE_AT_MOST: Final = 1.03
_SECONDS: Final = 25
_RATES: Final = (1, 5)  # calls a second; what differs between the two is calls alone, not time that passed
_HOLD: Final = 200
_THREADS: Final = {1: "loop"}
_FILE: Final = re.compile(r"\.(\d+)-(\d\d)$")
_NAME: Final = re.compile(r"^ob=\((\d+)\)(?: (.+))?$")
_PARTS: Final = (
    ("_pjsua2", "pjsua2"), ("libpython", "python"), ("/python3", "python"), ("sqlite", "sqlite"),
    ("/lib/python", "python extensions"), ("libc.", "libc"),
)  # fmt: skip


class BeyondError(Exception):
    """A call costs more than the committed result allows."""


async def instructions() -> dict[str, object]:
    """Instructions of one call with its arrival signal, by callgrind: some two minutes."""
    if shutil.which("valgrind") is None:
        raise BeyondError("there is no valgrind: apt-get install valgrind")
    with tempfile.TemporaryDirectory(prefix="handoff-instructions-") as folder:
        few, many = await _counted(Path(folder))
    calls = (_RATES[1] - _RATES[0]) * _SECONDS
    by_thread, by_part = (
        {k: round((b[k] - a[k]) / calls) for k in b} for a, b in zip(few, many, strict=True)
    )
    found = {
        "calls": calls,
        "instructions_per_call": sum(by_thread.values()),
        "by_thread": _sorted(by_thread),
        "by_part": _sorted(by_part),
    }
    _hold(found["instructions_per_call"])  # type: ignore[arg-type]  # the sum above
    return found


async def _counted(folder: Path) -> list[tuple[Counter[str], Counter[str]]]:
    """What both loads cost, by thread and by part."""
    valgrind = (
        "valgrind", "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes",
        f"--callgrind-out-file={folder}/out",
    )  # fmt: skip
    os.environ["PYTHONHASHSEED"] = "0"
    counts = []
    async with edge(200, within=valgrind) as house:
        pid = str(house.agent.pid)
        await Load(house, 2, 20, _HOLD).run()  # warm: the token, the caches
        for number, rate in enumerate(_RATES, 1):
            _control("-i", "on", pid)
            result = await Load(house, rate, rate * _SECONDS, _HOLD).run()
            await asyncio.sleep(_SECONDS / 5)  # what comes after a call
            _control("-i", "off", pid)
            _control("-d", pid)
            assert result["successful"] == rate * _SECONDS, result
            counts.append(_read(folder, number))
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


def _hold(found: int) -> None:
    """Fail beyond the committed count, unless ACCEPT=1 says that the new one is to be committed."""
    if not COMMITTED.exists() or os.environ.get("ACCEPT"):
        return
    committed = json.loads(COMMITTED.read_text())["instructions_per_call"]
    if found > committed * _MORE_AT_MOST:
        raise BeyondError(
            f"a call costs {found:,} instructions, {found / committed - 1:.1%} more than the committed "
            f"{committed:,}: find out why, or accept it with ACCEPT=1 make bench PROFILE=instructions"
        )
