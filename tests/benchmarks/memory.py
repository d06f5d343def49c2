# SPDX-License-Identifier: GPL-3.0-or-later
"""What one agent holds: idle, for each call that is up or just over, after them; and its idle CPU."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Final

from tests.benchmarks.edge import Load, cost, edge
from tests.calls.harness.house import House
from tests.calls.harness.metrics import total

_ROOM: Final = 1000
_RELAYED, _RELAYED_RATE, _RELAYED_SECONDS = 200, 40, 10
_CALLS, _RATE, _HOLD = 20_000, 120, 200
_READ_AFTER: Final = 25  # seconds; SIP transactions live for 32, so no call is forgotten yet
_IDLE_SECONDS: Final = 30
_REST_SECONDS: Final = 60


async def memory() -> dict[str, object]:
    """One agent: idle, 200 relayed calls, 20,000 at 120 a second, a minute of rest: seven minutes."""
    async with edge(_ROOM) as house:
        await asyncio.sleep(_IDLE_SECONDS / 6)  # what comes after a start
        idle_cpu, idle = await _at_rest(house, _IDLE_SECONDS), _reading(house)
        relayed = await _relayed(house)
        await asyncio.sleep(_REST_SECONDS)
        ended = await _ended(house)
        await asyncio.sleep(_REST_SECONDS)
        rested = _reading(house)
        return {
            "idle": idle,
            "idle_percent_of_a_core": idle_cpu,
            "relayed": relayed,
            "ended": ended,
            "a_minute_later": rested,
            "percent_more_than_idle": _percent_more(rested, idle),
            "percent_of_a_core_then": await _at_rest(house, _IDLE_SECONDS),
        }


async def _relayed(house: House) -> dict[str, object]:
    """Calls with audio both ways, all up at once."""
    rise = _RELAYED / _RELAYED_RATE
    hold = round((rise + _RELAYED_SECONDS + 5) * 1000)
    before = _reading(house)
    load = asyncio.ensure_future(Load(house, _RELAYED_RATE, _RELAYED, hold, media=True).run())
    await asyncio.sleep(rise + _RELAYED_SECONDS)
    up, sipp = _reading(house), await load
    return {
        "kilobytes_per_call": _share(up, before, _RELAYED),
        "up": up,
        "relayed": total(house.metrics(), "handoff_media_paths_total", path="relay"),
        "sipp": sipp,
    }


async def _ended(house: House) -> dict[str, object]:
    """Many calls, read once before any of them is forgotten, and when the last one is over."""
    before = _reading(house)
    load = asyncio.ensure_future(Load(house, _RATE, _CALLS, _HOLD).run())
    await asyncio.sleep(_READ_AFTER)
    early = _reading(house)
    sipp, late = await load, _reading(house)
    return {
        "kilobytes_per_call": _share(early, before, early["set_up"] - before["set_up"]),
        "before": before,
        f"after_{_READ_AFTER}_seconds": early,
        "after_the_last": late,
        "most_kilobytes": _status(house.agent.pid, "VmHWM"),
        "sipp": sipp,
    }


async def _at_rest(house: House, seconds: int) -> float:
    """Percent of a core that the agent takes while nobody asks it for anything."""
    used, at = _ran(house.agent.pid), time.monotonic()
    await asyncio.sleep(seconds)
    return round((_ran(house.agent.pid) - used) / (time.monotonic() - at) * 100, 3)


def _ran(pid: int) -> float:
    """CPU seconds of all threads, by the scheduler's own clock: ticks are too coarse for an idle process."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def _reading(house: House) -> dict[str, float]:
    pid, samples = house.agent.pid, house.metrics()
    now = cost(pid)
    return {
        "kilobytes": now.memory,
        "not_of_files_kilobytes": _status(pid, "RssAnon"),
        "descriptors": now.descriptors,
        "legs": total(samples, "handoff_legs_active"),
        "call_slots": total(samples, "handoff_native_calls"),
        "tasks": total(samples, "handoff_loop_tasks"),
        "set_up": total(samples, "handoff_setup_seconds_count"),
    }


def _status(pid: int, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None, name
    return int(found[1])


def _share(after: dict[str, float], before: dict[str, float], calls: float) -> float:
    return round((after["kilobytes"] - before["kilobytes"]) / calls, 1)


def _percent_more(after: dict[str, float], before: dict[str, float]) -> float:
    return round((after["kilobytes"] / before["kilobytes"] - 1) * 100, 1)
