# SPDX-License-Identifier: GPL-3.0-or-later
"""How long it takes to tell the scripts of a dead process's calls, on SQLite, while new ones are recorded.

The loop's holds are given by the clock and by the processor time of its thread: where a machine is busy with
other work, the clock says what that work took.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path

from agent.calls.recovery import Recovery
from agent.core.model import Project
from agent.core.moments import Moment
from agent.core.outcomes import Answer, Outcome
from agent.core.records import CallRecord, Signal
from agent.delivery.courier import Courier
from agent.delivery.sqlite import SqliteStore
from agent.delivery.store import Store
from agent.telemetry import logs
from tests.shell.harness.settings import care

_CALLS = 1000
_PER_SECOND = 50
_NEW: CallRecord = CallRecord(
    "c-new", "edge-1", "nice-na1", "acme", "care", "9995550100", "1", "1", "sip-1", "recording", 0.0
)


class _Nice:
    """Accepts each signal at once."""

    def __init__(self) -> None:
        self.taken = 0

    def can_send_now(self, project: Project) -> bool:
        """Always."""
        return project.cxone is not None

    async def signal(
        self,
        project: Project,
        contact_id: str,
        parameters: Mapping[str, str],
        *,
        before_send: Callable[[], Awaitable[None]] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as the client has it
        again: bool = False,
    ) -> Answer:
        """Take it."""
        _ = project, contact_id, parameters, timeout, again
        if before_send is not None:
            await before_send()
        self.taken += 1
        return Answer(Outcome.ACCEPTED, 202, "")


async def recovery() -> dict[str, object]:
    """1,000 calls of a dead process: seconds until each is told and over on disk, and what new calls feel."""
    project = care()
    logs.configure("info", "json", "masked")
    with tempfile.TemporaryDirectory(prefix="handoff-bench-") as folder:
        path = Path(folder) / "agent.db"
        await _left_by_a_dead_process(path)
        store, nice = await SqliteStore.open(path), _Nice()
        courier = Courier(store, nice, lambda _account, _name: project, lambda _: None)
        left = Recovery(store, courier, lambda _account, _name: project)
        gc.collect()
        gc.freeze()
        gc.disable()  # as the node does
        over = asyncio.Event()
        new = asyncio.ensure_future(_new_calls(store, over))
        holds = asyncio.ensure_future(_longest_hold(over))
        began, used = time.perf_counter(), time.process_time()
        told = await left.take_over()
        seconds = time.perf_counter() - began
        while courier.pending:
            await asyncio.sleep(0.01)
        accepted = time.perf_counter() - began
        cpu = time.process_time() - used
        over.set()
        held, busy = await holds
        result: dict[str, object] = {
            "calls": told,
            "seconds_until_all_are_told_and_over": round(seconds, 3),
            "seconds_until_all_signals_are_accepted": round(accepted, 3),
            "processor_seconds": round(cpu, 3),
            "signals_accepted": nice.taken,
            "longest_hold_of_the_loop_milliseconds": round(held * 1000, 1),
            "longest_hold_of_the_loop_processor_milliseconds": round(busy * 1000, 1),
            "slowest_record_of_a_new_call_milliseconds": round(await new * 1000, 1),
        }
        await courier.aclose(0)
        await store.aclose()
        return result


async def _left_by_a_dead_process(path: Path) -> None:
    store = await SqliteStore.open(path)
    now = time.time()

    async def one(number: int) -> None:
        call = replace(_NEW, call_id=f"c-{number}", contact_id=str(number + 2), began=now)
        known = (
            f"s-{number}",
            call.call_id,
            "acme",
            "care",
            call.contact_id,
            Moment.ARRIVAL,
            {"p1": "arrival"},
        )
        await store.open_call(call, Signal(*known, now, now + 3600))
        await store.update_call(replace(call, state="bridged", answered=now, version=1))

    await asyncio.gather(*map(one, range(_CALLS)))
    await store.aclose()


async def _new_calls(store: Store, over: asyncio.Event) -> float:
    """Record new calls at a rate; the slowest record, in seconds."""
    slowest, number = 0.0, 0
    while not over.is_set():
        began, number = time.perf_counter(), number + 1
        await store.open_call(replace(_NEW, call_id=f"c-new-{number}"), None)
        slowest = max(slowest, time.perf_counter() - began)
        await asyncio.sleep(1 / _PER_SECOND)
    return slowest


async def _longest_hold(over: asyncio.Event) -> tuple[float, float]:
    """How late the loop came back to a 2 ms timer at worst, and its longest work in between, in seconds."""
    longest = busiest = 0.0
    while not over.is_set():
        began, used = time.perf_counter(), time.thread_time()
        await asyncio.sleep(0.002)
        longest = max(longest, time.perf_counter() - began - 0.002)
        busiest = max(busiest, time.thread_time() - used)
    return longest, busiest
