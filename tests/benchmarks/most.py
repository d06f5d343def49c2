# SPDX-License-Identifier: GPL-3.0-or-later
"""How many relayed calls at once lose less than a thousandth of their content."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Final

from tests.benchmarks.edge import Load, cost, edge, socket_drops
from tests.benchmarks.relay import add_probed, delays, quantile_in_milliseconds
from tests.calls.harness.metrics import total
from tests.calls.harness.plan import Plan
from tests.calls.harness.ports import free_port

_STEPS: Final = (400, 600, 800, 1000, 1200)
_RATE: Final = 40  # calls a second that they are begun with
_SECONDS: Final = 15
_FRAMES_PER_SECOND: Final = 50
_LOST: Final = 0.001
_PROBES: Final = {f"99955505{number:02}": free_port() for number in range(8)}  # pseudo numbers, their ports


async def most() -> dict[str, object]:
    """The most calls with less than 0.1 % of content lost, by eight measured packet by packet: 6 min."""
    steps = tuple(int(step) for step in os.environ.get("STEPS", "").split()) or _STEPS
    measured: dict[str, dict[str, object]] = {}
    best = 0
    for calls in steps:
        found = await _step(calls)
        measured[str(calls)] = found
        print(f"{calls} calls: {found}", flush=True)
        if not found["clean"]:
            break
        best = calls
    return {"most_calls": best, "steps": measured}


def _with_probes(plan: Plan) -> None:
    for number, port in _PROBES.items():
        add_probed(plan, number, port)


async def _step(calls: int) -> dict[str, object]:
    """So many calls with audio both ways by SIPp, and the measured ones, on an agent of their own.

    SIPp throws away most of what comes back, so only the measured calls tell what was lost on the way.
    """
    rise = calls / _RATE
    async with edge(calls + 100, _with_probes) as house:
        before, drops = house.metrics(), socket_drops()
        load = Load(house, _RATE, calls, round((rise + _SECONDS + 15) * 1000), media=True)
        running = asyncio.ensure_future(load.run())
        await asyncio.sleep(rise + 5)  # all are up
        used, at = cost(house.agent.pid), time.monotonic()
        probes = [
            delays(house, _SECONDS * _FRAMES_PER_SECOND, number, port) for number, port in _PROBES.items()
        ]
        probed = await asyncio.gather(*probes)
        then, seconds = cost(house.agent.pid), time.monotonic() - at
        sipp, after = await running, house.metrics()
    took = [one for found, _ in probed for one in found]
    missing = sum(lost for _, lost in probed)
    share = missing / (len(took) + missing)
    received, lost = (
        total(after, name) - total(before, name)
        for name in ("handoff_rtp_packets_received_total", "handoff_rtp_packets_lost_total")
    )
    return {
        "clean": share < _LOST and not sipp["failed"],
        "content_lost_percent": round(share * 100, 4),
        "packets_measured": len(took) + missing,
        "one_way_delay_p50_milliseconds": quantile_in_milliseconds(took, 0.5),
        "one_way_delay_p99_milliseconds": quantile_in_milliseconds(took, 0.99),
        "core_percent": round((then.cpu - used.cpu) / seconds * 100, 1),
        "cpu_seconds_per_call_minute": round((then.cpu - used.cpu) / (seconds / 60) / (calls + 8), 4),
        "memory_kilobytes": then.memory,
        "packets_received_by_the_agent": received,
        "packets_lost_as_rtp_counts": lost,
        "packets_dropped_by_any_socket_of_this_machine_sipps_too": socket_drops() - drops,
        "sipp": sipp,
    }
