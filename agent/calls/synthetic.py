# SPDX-License-Identifier: GPL-3.0-or-later
"""Test calls on a schedule, so that a deaf voice agent is known before a caller finds it.

Each is made by a process of its own (`agent.simulators.synthetic`), straight to the voice agent: it is no
call of this node's, and nothing of it is recorded, counted or signalled as one.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final

from agent import children
from agent.calls.tasks import Tasks
from agent.core.model import Project, Snapshot
from agent.core.synthetic import Order, Result, Row
from agent.core.synthetic_order import order_for
from agent.telemetry.logs import logger
from agent.telemetry.metrics import Metrics

_MODULE: Final = "agent.simulators.synthetic"
_AT_ONCE: Final = 2
"""Each takes a second of processor time and some 100 MB while it lasts."""
_SPARE_SECONDS: Final = 60.0
_log = logger("synthetic")


class SyntheticCalls:
    """Makes the test calls of the projects that want them.

    Args:
        snapshot: gives the configuration in force.
        metrics: told of each.
        down: gives the URIs of targets that do not answer their probes.
        took: told of an error of ours.
    """

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        metrics: Metrics,
        down: Callable[[], frozenset[str]],
        took: Callable[[str, BaseException], None],
    ) -> None:
        self._snapshot = snapshot
        self._metrics = metrics
        self._down = down
        self._tasks = Tasks(lambda error: took("synthetic", error))
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._timers: dict[str, tuple[float, asyncio.TimerHandle]] = {}
        self._rows: dict[str, Row] = {}

    def follow(self, snapshot: Snapshot) -> None:
        """Make those of this configuration and no others."""
        wanted = {name: one.synthetic.every for name, one in snapshot.projects.items() if one.synthetic}
        for name, (every, timer) in tuple(self._timers.items()):
            if wanted.get(name) != every:
                timer.cancel()
                del self._timers[name]
        for name in self._rows.keys() - wanted.keys():
            del self._rows[name]
            self._metrics.synthetic_removed(name)
        for name, every in wanted.items():
            if name not in self._timers:
                self._later(name, every, random.random() * every)  # noqa: S311 - spreads load

    async def aclose(self) -> None:
        """Make no more; one that is under way is given up."""
        for _, timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        await self._tasks.cancel()

    def _later(self, name: str, every: float, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.call_later(seconds, lambda: self._tasks.run(self._due(name, every)))
        self._timers[name] = every, due

    async def _due(self, name: str, every: float) -> None:
        try:
            async with self._turn:
                project = self._snapshot().projects.get(name)
                if project is not None and project.synthetic is not None:
                    await self._call(project)
        finally:
            if name in self._timers and self._timers[name][0] == every:
                self._later(name, every, every)

    async def _call(self, project: Project) -> None:
        order = order_for(self._snapshot(), project, random.random, self._down())
        result = await _made(order)
        if isinstance(result, str):
            _log.warning("a test call could not be made", project=project.project, error=result)
            self._metrics.synthetic_not_made(project.project)
            return
        before = self._rows.get(project.project, Row())
        row = self._rows[project.project] = before.after(result.verdict)
        self._metrics.synthetic_made(
            project.project, result.verdict, row.failed, row.unclear, result.response_gap
        )
        if result.wrong:
            _log.warning(
                "a test call failed",
                project=project.project,
                wrong=result.wrong,
                tried=result.tried,
                in_a_row=row.failed,
            )
        elif result.unclear:
            _log.warning(
                "a test call could not tell whether the voice agent hears",
                project=project.project,
                unclear=result.unclear,
                in_a_row=row.unclear,
            )
        elif before != row:
            _log.info("a test call went well again", project=project.project, target=result.answered_by)


async def _made(order: Order) -> Result | str:
    """What came of the call; or why it could not be made."""
    seconds = len(order.callees) * order.ring + 3 * order.patience + _SPARE_SECONDS
    try:
        said = await children.ask(_MODULE, told=order.to_json().encode(), seconds=seconds)
    except TimeoutError:
        return f"it did not end within {seconds:.0f} s"
    except OSError as error:
        return f"no process can be started: {error.strerror}"
    return Result.from_json(said.output) if said.code == 0 else said.last_words
