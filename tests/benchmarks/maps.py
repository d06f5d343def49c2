# SPDX-License-Identifier: GPL-3.0-or-later
"""A number map of 100,000 rules coming into force: how long the loop is held, and what it takes.

The time that the loop is held is the CPU time of the longest single callback on its thread, so that what the
machine does besides does not count; the agent's own histogram of its lag, which does count it, stands beside.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.configuration import Configuration
from agent.core.number_map import NumberMap
from agent.settings import load, load_in_child
from agent.telemetry.metrics import Metrics
from tests.benchmarks.edge import cost, edge, quantile
from tests.calls.harness.metrics import total

_RULES = 100_000
_FIRST = 8_000_000_000
_EXAMPLE = Path("config")
_LOOK_UPS = 50_000


async def maps() -> dict[str, object]:
    """100,000 numbers: memory, the loop's hold while they come into force, look-ups a second."""
    with tempfile.TemporaryDirectory(prefix="handoff-bench-") as name:
        folder = Path(name) / "config"
        shutil.copytree(_EXAMPLE, folder)
        return {"rules": _RULES, **await _here(folder), **await _in_an_agent()}


async def _here(folder: Path) -> dict[str, object]:
    held = Configuration(folder, load(folder), Metrics(), lambda _: None)
    big = folder / "numbers/big.yaml"
    longest: dict[str, float] = {}
    for what, project in (("appear", "acme-care"), ("move", "acme-sales")):
        big.write_text(_written(project), encoding="utf-8")
        with _watched() as slices:
            began = time.perf_counter()
            result = (await held.reload()).result
            seconds = time.perf_counter() - began
        assert result == "loaded"
        longest[f"reload_in_which_all_{what}_seconds"] = round(seconds, 2)
        longest[f"loop_held_when_all_{what}_milliseconds"] = round(max(slices) * 1000, 2)
    return {**longest, "look_ups_per_second": _look_ups((await load_in_child(folder)).snapshot.numbers)}


@contextmanager
def _watched() -> Iterator[list[float]]:
    """CPU seconds of each callback that the loop runs meanwhile."""
    slices: list[float] = []
    run = asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        began = time.thread_time()
        run(handle)
        slices.append(time.thread_time() - began)

    setattr(asyncio.Handle, "_run", timed)  # noqa: B010 - it is no attribute that may be assigned to
    try:
        yield slices
    finally:
        setattr(asyncio.Handle, "_run", run)  # noqa: B010 - the same


def _look_ups(numbers: NumberMap) -> int:
    wanted = [str(_FIRST + at * 7919 % _RULES) for at in range(_LOOK_UPS)]
    began = time.thread_time()
    for number in wanted:
        assert numbers.match(number) is not None
    return round(_LOOK_UPS / (time.thread_time() - began))


async def _in_an_agent() -> dict[str, object]:
    """The same in a running agent: its memory, and its lag as it measures it itself."""
    async with edge(100) as house:
        await asyncio.sleep(2)
        before, empty = house.metrics(), cost(house.agent.pid).memory
        (house.config / "numbers/big.yaml").write_text(_written("acme-care"), encoding="utf-8")
        while total(house.metrics(), "handoff_config_reloads_total", result="loaded") == 0:
            await asyncio.sleep(0.5)
        await asyncio.sleep(2)
        after, full = house.metrics(), cost(house.agent.pid).memory
        house.agent.stop()
        house.start()
        started = cost(house.agent.pid).memory
    return {
        "agent_memory_megabytes": {
            "with_a_few_numbers": round(empty / 1024, 1),
            "after_100000_were_loaded": round(full / 1024, 1),
            "started_with_100000": round(started / 1024, 1),
        },
        "agent_loop_lag_p99_milliseconds_meanwhile": round(
            quantile(after, before, "handoff_loop_lag_seconds", 0.99) * 1000, 2
        ),
    }


def _written(project: str) -> str:
    """Every other number with labels."""
    lines = ["numbers:"]
    for at in range(_RULES):
        target = f"{{project: {project}, labels: {{brand: acme-{at % 7}}}}}" if at % 2 else project
        lines.append(f'  "{_FIRST + at}": {target}')
    return "\n".join(lines) + "\n"
