# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills the agent at an instant that is chosen by what can be seen, never by the clock."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.calls.harness.house import House


@dataclass(frozen=True, slots=True)
class Strike:
    """When to kill: ``microseconds`` after a step was seen for the ``nth`` time."""

    step: str
    nth: int
    microseconds: int


class Killer:
    """SIGKILL for one agent.

    Attributes:
        struck: whether the strike that was armed last has fallen.
        hits: how often each step was the one that a strike fell on.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._strike: Strike | None = None
        self._seen = 0
        self.struck = False
        self.hits: Counter[str] = Counter()

    @property
    def looks_at_disk(self) -> bool:
        """Whether it waits for something to stand in the database."""
        return self._strike is not None and self._strike.step.endswith("on disk")

    def arm(self, strike: Strike) -> None:
        """Wait for the next strike's step from now on."""
        self._strike, self._seen, self.struck = strike, 0, False

    def see(self, step: str, _: object = None) -> None:
        """A step was seen."""
        strike = self._strike
        if strike is None or step != strike.step:
            return
        self._seen += 1
        if self._seen >= strike.nth:
            until = time.perf_counter() + strike.microseconds / 1e6
            while time.perf_counter() < until:  # microseconds: the loop's own timers are too coarse
                pass
            self.hits[step] += 1
            self.now()

    def now(self) -> None:
        """Kill it at once."""
        self._strike, self.struck = None, True
        with suppress(ProcessLookupError):
            os.killpg(self._house.agent.pid, signal.SIGKILL)


class DiskWatch:
    """Looks at the agent's database a thousand times a second and tells the killer what is new."""

    def __init__(self, path: Path, killer: Killer) -> None:
        self._path, self._killer = path, killer
        self._task: asyncio.Task[None] | None = None
        self._known: set[str] = set()

    async def __aenter__(self) -> Self:
        """Begin to look."""
        self._task = asyncio.get_running_loop().create_task(self._look())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _look(self) -> None:
        looked = False
        while True:
            looks, before = self._killer.looks_at_disk, looked
            looked = looks
            if looks:
                for step in self._news():
                    if before:  # what stood there when the strike was armed is no news
                        self._killer.see(step)
            await asyncio.sleep(0.001)

    def _news(self) -> list[str]:
        found: dict[str, str] = {}
        # Opened anew each time: a reader that stays would keep a dead agent's files apart from the new one's.
        with suppress(sqlite3.Error):
            connection = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=0)
            try:
                for call_id, state in connection.execute(
                    "SELECT call_id, state FROM calls WHERE ended IS NULL"
                ):
                    found[f"{call_id} {state}"] = f"call {state} on disk"
                for signal_id, moment, state in connection.execute(
                    "SELECT signal_id, moment, state FROM signals WHERE state IN ('recorded', 'sending')"
                ):
                    kind = "arrival" if moment == "arrival" else "terminal"
                    found[f"{signal_id} {state}"] = f"{kind} {state} on disk"
            finally:
                connection.close()
        news = [step for key, step in found.items() if key not in self._known]
        self._known = set(found)
        return news
