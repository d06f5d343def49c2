# SPDX-License-Identifier: GPL-3.0-or-later
"""Two agents on one machine, a whole one for each core: ports and a record of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from tests.benchmarks.edge import Load, cost, edge, quantile, setup_times, signals
from tests.calls.harness.house import House
from tests.calls.harness.plan import Change, Plan

_RATE, _SECONDS, _HOLD = 150, 20, 200
_ROOM = 500  # RTP of both lies below all other ports in use here


async def instances() -> dict[str, object]:
    """300 calls a second by two agents, 150 each, with their arrival signals: failures, CPU, set-up times."""
    async with edge(_ROOM) as first, edge(_ROOM, _beside(_ROOM)) as second:
        for house in (first, second):
            await Load(house, 20, 100, _HOLD).run()  # warm: the token, the caches
        measured = await asyncio.gather(_measured(first), _measured(second))
    return {"calls_per_second": 2 * _RATE, "agents": measured}


def _beside(room: int) -> Change:
    """RTP of the second one lies behind that of the first."""

    def change(plan: Plan) -> None:
        low = 8000 + room * 4
        plan.agent["media"]["rtp_ports"] = f"{low}-{low + room * 4 - 1}"

    return change


async def _measured(house: House) -> Mapping[str, object]:
    calls = _RATE * _SECONDS
    before, used = house.metrics(), cost(house.agent.pid)
    sipp = await Load(house, _RATE, calls, _HOLD).run()
    after, then = house.metrics(), cost(house.agent.pid)
    return {
        "sipp": sipp,
        "cpu_milliseconds_per_call": round((then.cpu - used.cpu) / calls * 1000, 2),
        "setup_p50_milliseconds": round(quantile(after, before, setup_times(after), 0.5) * 1000, 2),
        "setup_p99_milliseconds": round(quantile(after, before, setup_times(after), 0.99) * 1000, 2),
        "signals_accepted": signals(after, "accepted") - signals(before, "accepted"),
    }
