# SPDX-License-Identifier: GPL-3.0-or-later
"""Durable records a second, on SQLite and on PostgreSQL; fsync is on in both, and both are on this disk.

A call is what it costs in real life: opened with its arrival signal on the wire, that one accepted with its
attempt, answered, its terminal signal recorded on the wire, accepted, ended: six writes.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles

from agent.core.moments import Moment, SignalState
from agent.core.records import Attempt, CallRecord, Signal
from agent.delivery.store import Store
from agent.delivery.stores import open_store
from tests.calls.harness.postgres import Postgres

_WRITES_OF_A_CALL = 6
_AT_ONCE = 400
_CALLS = 5000
_EVEN_RATE, _EVEN_CALLS = 150, 3000


async def records() -> dict[str, object]:
    """Calls recorded as fast as they will go, then 150 a second: writes a second, their latency and CPU."""
    with ExitStack() as held:
        folder = held.enter_context(tempfile.TemporaryDirectory(prefix="handoff-bench-"))
        server = Postgres()
        held.callback(server.remove)
        server.start()
        version = server.run("SHOW server_version", "postgres")
        return {
            "writes_of_a_call": _WRITES_OF_A_CALL,
            "sqlite": await _measured(f"sqlite://{Path(folder) / 'agent.db'}"),
            "postgresql": {"version": version, **await _measured(server.new())},
        }


async def _measured(url: str) -> dict[str, object]:
    store = await open_store(url, node="edge-bench")
    try:
        await run_calls(store, "warm", 200, 0)
        return {
            "as_fast_as_it_goes": await run_calls(store, "fast", _CALLS, 0),
            f"at_{_EVEN_RATE}_calls_per_second": await run_calls(store, "even", _EVEN_CALLS, _EVEN_RATE),
        }
    finally:
        await store.aclose()


async def run_calls(store: Store, name: str, calls: int, rate: int) -> dict[str, object]:
    """Make calls, `rate` of them a second, or as many at once as is of use."""
    room = asyncio.Semaphore(_AT_ONCE)
    latencies: list[float] = []

    async def timed(write: Awaitable[object]) -> None:
        began = time.perf_counter()
        await write
        latencies.append(time.perf_counter() - began)

    async def one(number: int) -> None:
        async with room:
            for write in _writes(store, f"{name}-{number}"):
                await timed(write)

    began, used = time.perf_counter(), time.process_time()
    tasks = []
    for number in range(calls):
        if rate:
            await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        tasks.append(asyncio.ensure_future(one(number)))
    await asyncio.gather(*tasks)
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    cuts = quantiles(latencies, n=100)
    return {
        "calls": calls,
        "writes_per_second": round(len(latencies) / seconds),
        "write_p50_milliseconds": round(cuts[49] * 1000, 2),
        "write_p99_milliseconds": round(cuts[98] * 1000, 2),
        "agent_cpu_milliseconds_per_call": round(cpu / calls * 1000, 3),
    }


def _writes(store: Store, call_id: str) -> list[Awaitable[object]]:
    now = time.time()
    identity = (call_id, "edge-bench", "nice-na1", "acme", "acme-care", "9995550100", "4711000", "4711000")
    tried = Attempt(now, now, "accepted", 202)

    def call(state: str, ended: float | None = None) -> CallRecord:
        return CallRecord(*identity, call_id, state, now, now, ended)

    def signal(moment: Moment) -> Signal:
        parameters = {"p1": "CARE", "p2": "4101", "p3": "asked"}
        known = (f"{call_id}-{moment.value}", call_id, "acme", "acme-care", "4711000", moment, parameters)
        return Signal(*known, now, now + 120, SignalState.SENDING)

    arrival, completed = signal(Moment.ARRIVAL), signal(Moment.COMPLETED)
    return [
        store.open_call(call("recording"), arrival),
        store.update_signal(arrival.signal_id, SignalState.ACCEPTED, tried),
        store.update_call(call("bridged")),
        store.record_signal(completed),
        store.update_signal(completed.signal_id, SignalState.ACCEPTED, tried),
        store.update_call(call("ended", now)),
    ]
