# SPDX-License-Identifier: GPL-3.0-or-later
"""150 calls a second, each with its arrival signal: what a set-up takes."""

from __future__ import annotations

from typing import Final

from tests.benchmarks.edge import Load, cost, edge, milliseconds, quantile, setup_times, signals
from tests.calls.harness.house import House

ROOM: Final = 1000
RATE: Final = 150
_SECONDS, _HOLD = 30, 200


async def setup() -> dict[str, object]:
    """150 calls a second for 30 s, each with its arrival signal: failures, retransmissions, CPU per call."""
    async with edge(ROOM) as house:
        return await measured(house, _SECONDS)


async def measured(house: House, seconds: int) -> dict[str, object]:
    """The load for so many seconds, on an agent that was warmed, and what the agent says of it."""
    calls = RATE * seconds
    await Load(house, 20, 100, _HOLD).run()  # warm: the token, the caches
    before, used = house.metrics(), cost(house.agent.pid)
    sipp = await Load(house, RATE, calls, _HOLD).run()
    after, then = house.metrics(), cost(house.agent.pid)

    def share(name: str, of: float) -> float:
        return milliseconds(quantile(after, before, name, of))

    return {
        "rate": RATE,
        "calls": calls,
        "sipp": sipp,
        "cpu_milliseconds_per_call": round((then.cpu - used.cpu) / calls * 1000, 2),
        "setup_p50_milliseconds": share(setup_times(after), 0.5),
        "setup_p99_milliseconds": share(setup_times(after), 0.99),
        "signal_start_p50_milliseconds": share("handoff_signal_start_seconds", 0.5),
        "signal_start_p99_milliseconds": share("handoff_signal_start_seconds", 0.99),
        "loop_lag_p99_milliseconds": share("handoff_loop_lag_seconds", 0.99),
        "signals_accepted": signals(after, "accepted") - signals(before, "accepted"),
    }
