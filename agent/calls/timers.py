# SPDX-License-Identifier: GPL-3.0-or-later
"""The timers of all calls on one timer of the event loop: most are stopped long before they run out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import Final, TypeAlias

_DEAD_AT_LEAST: Final = 256
"""Timers that were stopped and still stand in the heap before it is worth to build it anew."""


class RunningTimer:
    """One that runs, or did. `stop` is all that is asked of it."""

    __slots__ = ("_timers", "work")

    def __init__(self, work: Callable[[], object], timers: Timers) -> None:
        self.work: Callable[[], object] | None = work
        self._timers = timers

    def stop(self) -> None:
        """It will not run out; nothing happens where it has, or was stopped before."""
        if self.work is not None:
            self.work = None
            self._timers.stopped()


_Entry: TypeAlias = tuple[float, int, RunningTimer]


class Timers:
    """Runs timers out in their order, also those of the same moment. Used on the loop's thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._heap: list[_Entry] = []
        self._numbers = count()
        self._dead = 0
        self._armed: asyncio.TimerHandle | None = None
        self._armed_at = inf  # none is

    def start(self, seconds: float, work: Callable[[], object]) -> RunningTimer:
        """Do this in so many seconds; an error of it goes to the loop's handler and ends no other timer."""
        timer, when = RunningTimer(work, self), self._loop.time() + seconds
        heappush(self._heap, (when, next(self._numbers), timer))
        if when < self._armed_at:
            self._arm(when)
        return timer

    def stopped(self) -> None:
        """One of them was stopped: it stays where it is until its time, or until they are too many."""
        self._dead += 1
        if self._dead >= _DEAD_AT_LEAST and self._dead * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].work is not None]
            heapify(self._heap)
            self._dead = 0

    def _arm(self, when: float) -> None:
        if self._armed is not None:
            self._armed.cancel()
        self._armed_at = when
        # Of no call: whoever comes first would lend its own to all others.
        self._armed = self._loop.call_at(when, self._run, context=Context())

    def _run(self) -> None:
        now = max(self._armed_at, self._loop.time())  # the loop may run a timer a little early
        self._armed_at = inf
        try:
            self._run_out(now)
        finally:
            if self._heap and self._heap[0][0] < self._armed_at:
                self._arm(self._heap[0][0])

    def _run_out(self, now: float) -> None:
        while (heap := self._heap) and (heap[0][0] <= now or heap[0][2].work is None):
            timer = heappop(heap)[2]
            if timer.work is None:
                self._dead -= 1
                continue
            work, timer.work = timer.work, None
            try:
                work()
            except Exception as error:  # noqa: BLE001 - those behind it wait
                self._loop.call_exception_handler({"message": "a call's timer", "exception": error})
