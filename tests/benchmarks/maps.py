# SPDX-License-Identifier: GPL-3.0-or-later
"""Number maps at size: how long they are read, what a reload under load costs the calls, what they take.

The time that the loop is held is the CPU time of the longest single callback on its thread, so that what the
machine does besides does not count; the agent's own histogram of its lag, which does count it, stands beside.
"""

from __future__ import annotations

import asyncio
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.configuration import Configuration
from agent.core.number_map import NumberMap
from agent.settings import load, load_in_child
from agent.simulators.processes import with_us
from agent.telemetry.metrics import Metrics
from tests.benchmarks.edge import Load, cost, edge, quantile
from tests.calls.harness.house import House
from tests.calls.harness.metrics import Samples, total

_RULES: Final = 100_000
_MOST: Final = 1_000_000
_FIRST: Final = 8_000_000_000
_EXAMPLE: Final = Path("config")
_LOOK_UPS: Final = 50_000
_RATE, _SECONDS, _HOLD = 100, 60, 200
_PROJECTS: Final = ("acme-care", "acme-sales")
_OF_EDGE: Final = ("acme-care", "acme-sandbox")


@dataclass(frozen=True, slots=True)
class _Bar:
    """What was measured, and what it may be at most."""

    what: str
    measured: float
    most: float
    unit: str

    def __str__(self) -> str:
        met = "met" if self.measured <= self.most else "NOT MET"
        return f"{self.what}: {self.measured:g}{self.unit}, at most {self.most:g}{self.unit}: {met}"


async def maps() -> dict[str, object]:
    """100,000 numbers: check, look-up, memory, reloads under 100 calls a second; 1,000,000: 4 minutes."""
    with tempfile.TemporaryDirectory(prefix="handoff-bench-") as name:
        folder = Path(name) / "config"
        shutil.copytree(_EXAMPLE, folder)
        bars, figures = await _here(folder)
        for measure in (_in_an_agent, _under_load):
            more, those = await measure()
            bars += more
            figures |= those
        bars += await _a_million(folder)
    return {"bars": [str(bar) for bar in bars], "rules": _RULES, **figures}


async def _here(folder: Path) -> tuple[list[_Bar], dict[str, object]]:
    held = Configuration(folder, load(folder), Metrics(), lambda _: None)
    bars: list[_Bar] = []
    longest: dict[str, object] = {}
    for what, project in zip(("appear", "move"), _PROJECTS, strict=True):
        _write(folder, "yaml", project)
        with _watched() as slices:
            began = time.perf_counter()
            result = (await held.reload()).result
            seconds = time.perf_counter() - began
        assert result == "loaded"
        longest[f"reload_in_which_all_{what}_seconds"] = round(seconds, 2)
        bars.append(_Bar(f"loop held while all {what}", round(max(slices) * 1000, 2), 5, " ms"))
    micro = 1e6 / _look_ups((await load_in_child(folder)).snapshot.numbers, _RULES)
    bars.append(_Bar("look-up among 100,000 numbers", round(micro, 2), 5, " us"))
    for form in ("yaml", "csv"):
        _write(folder, form, _PROJECTS[0])
        used = _cpu_of_children()
        bars.append(_Bar(f"check of 100,000 numbers in {form.upper()}", await _checked(folder), 5, " s"))
        longest[f"check_{form}_cpu_seconds"] = round(_cpu_of_children() - used, 2)
    return bars, longest


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _checked(folder: Path) -> float:
    """Seconds that ``handoff-agent check`` takes."""
    began = time.perf_counter()
    child = await asyncio.create_subprocess_exec(
        *(*with_us(), sys.executable, "-m", "agent.cli.main", "check", "--config", str(folder)),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await child.communicate()
    assert child.returncode == 0, output.decode()[-2000:]
    return round(time.perf_counter() - began, 2)


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


def _look_ups(numbers: NumberMap, rules: int) -> float:
    """A second, of numbers in no order."""
    wanted = [str(_FIRST + at * 7919 % rules) for at in range(_LOOK_UPS)]
    began = time.thread_time()
    for number in wanted:
        assert numbers.match(number) is not None
    return _LOOK_UPS / (time.thread_time() - began)


async def _in_an_agent() -> tuple[list[_Bar], dict[str, object]]:
    """The same in a running agent: its memory, and its lag as it measures it itself."""
    async with edge(100) as house:
        await asyncio.sleep(2)
        before, empty = house.metrics(), cost(house.agent.pid).memory
        _write(house.config, "yaml", _OF_EDGE[0])
        await _reloaded(house, 1)
        await asyncio.sleep(2)
        after, full = house.metrics(), cost(house.agent.pid).memory
        house.agent.stop()
        house.start()
        started = cost(house.agent.pid).memory
    lag = quantile(after, before, "handoff_loop_lag_seconds", 0.99)
    bars = [_Bar("memory more with 100,000 numbers", round((full - empty) / 1024, 1), 60, " MB")]
    return bars, {
        "agent_memory_megabytes": {
            "with_a_few_numbers": round(empty / 1024, 1),
            "after_100000_were_loaded": round(full / 1024, 1),
            "started_with_100000": round(started / 1024, 1),
        },
        "agent_loop_lag_p99_milliseconds_meanwhile": round(lag * 1000, 2),
    }


async def _reloaded(house: House, times: int) -> None:
    while total(house.metrics(), "handoff_config_reloads_total", result="loaded") < times:
        await asyncio.sleep(0.5)


async def _under_load() -> tuple[list[_Bar], dict[str, object]]:
    """Reload after reload, each moving all of 100,000 numbers, while calls come."""
    async with edge(400) as house:
        alone = Load(house, _RATE, _RATE * _SECONDS // 3, _HOLD, timed=True)
        without = await alone.run()
        before = house.metrics()
        load_ = Load(house, _RATE, _RATE * _SECONDS, _HOLD, timed=True)
        calls = asyncio.ensure_future(load_.run())
        times = 0
        while not calls.done():
            _write(house.config, "yaml", _OF_EDGE[times % 2])
            times += 1
            seen = asyncio.ensure_future(_reloaded(house, times))
            await asyncio.wait((calls, seen), return_when=asyncio.FIRST_COMPLETED)
            seen.cancel()
        sipp = await calls
        after = house.metrics()
    done = total(after, "handoff_config_reloads_total", result="loaded")
    return _bars_under_load(sipp, before, after, load_.waits), {
        "under_load": {
            "calls": sipp["successful"] + sipp["failed"],
            "reloads_of_100000_meanwhile": done,
            "setup_p50_milliseconds": round(quantile(after, before, "handoff_setup_seconds", 0.5) * 1000, 2),
            "retransmissions": sipp["retransmissions"],
        },
        "same_load_without_a_reload": {
            **without,
            "invite_to_200_p99_milliseconds": round(_p99(alone.waits), 1),
        },
    }


def _bars_under_load(sipp: dict[str, int], before: Samples, after: Samples, waits: list[float]) -> list[_Bar]:
    where = "at 100 calls a second while 100,000 numbers reload"
    taken = total(after, "handoff_invites_total", result="answered") - total(
        before, "handoff_invites_total", result="answered"
    )
    refused = total(after, "handoff_invites_total") - total(before, "handoff_invites_total") - taken
    return [
        _Bar(f"failed calls {where}", sipp["failed"], 0, ""),
        _Bar(f"refused calls {where}", refused, 0, ""),
        _Bar(
            f"set-up p99 {where}",
            round(quantile(after, before, "handoff_setup_seconds", 0.99) * 1000, 2),
            50,
            " ms",
        ),
        _Bar(f"INVITE to 200 at the caller, p99, {where}", round(_p99(waits), 1), 50, " ms"),
    ]


def _p99(waits: list[float]) -> float:
    return sorted(waits)[int(len(waits) * 0.99)]


async def _a_million(folder: Path) -> list[_Bar]:
    """1,000,000 numbers: loaded as a reload loads them."""
    bars = []
    for form in ("yaml", "csv"):
        _write(folder, form, _PROJECTS[0], _MOST)
        began = time.perf_counter()
        fresh = await load_in_child(folder, load(_EXAMPLE))
        seconds = round(time.perf_counter() - began, 1)
        assert len(fresh.snapshot.numbers) >= _MOST
        bars.append(_Bar(f"reload of 1,000,000 numbers in {form.upper()}", seconds, 180, " s"))
        micro = 1e6 / _look_ups(fresh.snapshot.numbers, _MOST)
        bars.append(_Bar(f"look-up among 1,000,000 numbers ({form.upper()})", round(micro, 2), 5, " us"))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return [*bars, _Bar("memory of the process that reads 1,000,000 numbers", round(peak), 2048, " MB")]


def _write(folder: Path, form: str, project: str, rules: int = _RULES) -> None:
    """A map of so many numbers, every other one with labels, in place of the one before."""
    numbers = folder / "numbers"
    lines = (_written if form == "yaml" else _listed)(project, rules)
    (numbers / f".big.{form}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for other in ("yaml", "csv"):
        (numbers / f"big.{other}").unlink(missing_ok=True)
    (numbers / f".big.{form}").rename(numbers / f"big.{form}")


def _written(project: str, rules: int) -> Iterator[str]:
    yield "numbers:"
    for at in range(rules):
        target = f"{{project: {project}, labels: {{brand: acme-{at % 7}}}}}" if at % 2 else project
        yield f'  "{_FIRST + at}": {target}'


def _listed(project: str, rules: int) -> Iterator[str]:
    yield "number,project,brand"
    for at in range(rules):
        yield f"{_FIRST + at},{project},{f'acme-{at % 7}' if at % 2 else ''}"
