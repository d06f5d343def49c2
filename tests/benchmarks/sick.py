# SPDX-License-Identifier: GPL-3.0-or-later
"""A NICE that answers half of the requests 503, at random, and one that is dead for a while.

Store, courier, client and the CXone simulator are real; see `tests.benchmarks.signals`.
"""

from __future__ import annotations

import asyncio

from tests.benchmarks.signals import Bench, Result, simulated_nice
from tests.calls.harness.web import ask

_RATE, _SECONDS, _DEAD_SECONDS = 20, 20, 10


async def sick() -> Result:
    """Half of the requests answered 503 at random, then NICE dead for 10 s: accepted, requests, longest."""
    with simulated_nice("error") as (folder, simulator):
        bench = Bench(simulator.port)
        await bench.open(folder)
        try:
            await bench.run(20, 20)  # warm
            simulator.fault(signal={"status": 503, "share": 0.5, "dice": True})
            half = await _run(bench, simulator.port, _SECONDS)
            simulator.heal()
            await bench.run(20, 40)  # well again
            simulator.fault(signal={"status": 503})
            before = _requests(simulator.port)
            dead = asyncio.ensure_future(_run(bench, simulator.port, _SECONDS))
            await asyncio.sleep(_DEAD_SECONDS)
            meanwhile = _requests(simulator.port) - before
            simulator.heal()
            return {
                "offered_per_second": _RATE,
                "half_of_the_requests_503": half,
                "dead_for_10_s": {"requests_while_dead": meanwhile, **await dead},
            }
        finally:
            await bench.aclose()


async def _run(bench: Bench, port: int, seconds: int) -> Result:
    before = _requests(port)
    running = asyncio.ensure_future(bench.run(_RATE, _RATE * seconds))
    await asyncio.sleep(seconds)
    while_offered = _requests(port) - before
    measured = await running
    requests = _requests(port) - before
    wanted = ("signals", "accepted", "longest_until_settled_seconds")
    return {name: measured[name] for name in wanted} | {
        "requests_while_offered": while_offered,
        "requests": requests,
        "requests_per_signal": round(requests / (_RATE * seconds), 3),
    }


def _requests(port: int) -> int:
    counts: dict[str, int] = ask(port, "GET", "/simulator/counts").json
    return counts["signals"]
