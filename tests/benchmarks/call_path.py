# SPDX-License-Identifier: GPL-3.0-or-later
"""How many Python calls one call takes, by the part of the agent they are in: the same in every run.

The shell of calls is real; the stack, the far ends and NICE are played, the record is a file.
``make bench PROFILE=call_path`` commits to what it finds; ``tests/test_cost_of_a_call.py`` holds the line.
"""

from __future__ import annotations

import asyncio
import cProfile
import json
import os
import pstats
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Final, cast

import pytest

from agent.telemetry.logs import silent
from tests.shell.harness import steps as step
from tests.shell.harness.settings import care
from tests.shell.harness.shell import Shell, shell

COMMITTED: Final = Path("docs/performance/raw/call_path.json")
COUNT: Final = "python_calls_per_call"
_CALLS: Final = 100
_LIFE: Final = (step.caller_comes, step.agent_answers, step.caller_hangs_up)


def counted() -> dict[str, float]:
    """The same as `calls_per_call`, in a process of its own with a fixed hash seed."""
    command = [sys.executable, "-m", "tests.benchmarks.call_path"]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    said = subprocess.run(command, check=True, capture_output=True, env=environment, timeout=250)
    found: dict[str, float] = json.loads(said.stdout)
    return found


async def call_path() -> dict[str, object]:
    """Python calls that one call takes, all of them and by module: seconds."""
    by_module = counted()
    return {COUNT: round(sum(by_module.values())), "by_module": by_module}


async def calls_per_call() -> dict[str, float]:
    """Python calls that one call takes from INVITE to its end, by module; the most first."""
    profile = cProfile.Profile(builtins=False)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        async with shell(care(), Path(folder) / "store.db", patch) as node:
            await _run(node, 20)  # what is made once is made by now
            profile.enable()
            await _run(node, _CALLS)
            profile.disable()
    counted: Counter[str] = Counter()
    stats = cast("Any", pstats.Stats(profile)).stats
    for (file, _, _), (_, count, *_) in stats.items():
        _, ours, module = file.rpartition("/agent/")
        counted[module if ours else "libraries"] += count
    return {module: count / _CALLS for module, count in counted.most_common()}


async def _run(node: Shell, calls: int) -> None:
    for _ in range(calls):
        for one in _LIFE:
            one(node)
            await node.settled()


if __name__ == "__main__":
    with silent():
        found = asyncio.run(calls_per_call())
    sys.stdout.write(json.dumps(found) + "\n")
