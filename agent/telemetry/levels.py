# SPDX-License-Identifier: GPL-3.0-or-later
"""From which level on lines are written: as configured, or otherwise for a while."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias

Level: TypeAlias = Literal["debug", "info", "warning", "error"]
LEVELS: Final[tuple[Level, ...]] = ("debug", "info", "warning", "error")
USUAL_SECONDS: Final = 900.0
"""For how long another level is in force, where nobody says."""
LONGEST_SECONDS: Final = 86_400.0
_NUMBERS: Final = logging.getLevelNamesMapping()


@dataclass(frozen=True, slots=True)
class ForAWhile:
    """Another level than the configured one.

    Attributes:
        level: the least that is written meanwhile.
        project: of whose calls; empty for the node, of which projects with one of their own are no part.
        until: seconds since the epoch.
        by: who wanted it.
    """

    level: Level
    project: str
    until: float
    by: str = ""


class Levels:
    """What decides whether a line is written. Only the memory of this process knows what is for a while.

    Args:
        clock: seconds since the epoch, for telling.
        ticks: seconds that never run backwards: a clock that is set back must not make a level last longer.

    Attributes:
        least: lines below this number of `logging` are written nowhere: no other question need be asked.
        mixed: whether a line above it has to be judged by what it tells of.
    """

    def __init__(
        self, clock: Callable[[], float] = time.time, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self.least = logging.INFO
        self.mixed = False
        self._clock = clock
        self._ticks = ticks
        self._configured: Level = "info"
        self._node = logging.INFO
        self._for_a_while: dict[str, ForAWhile] = {}
        self._ends: dict[str, float] = {}

    @property
    def configured(self) -> Level:
        """The level that is in force where nothing else is, for a while."""
        return self._configured

    def copy(self) -> Levels:
        """The same, for itself."""
        other = Levels(self._clock, self._ticks)
        other._configured, other._for_a_while = self._configured, dict(self._for_a_while)
        other._ends = dict(self._ends)
        other._weigh()
        return other

    def configure(self, level: Level) -> None:
        """The configuration says this; what is for a while stays."""
        self._configured = level
        self._weigh()

    def change(self, level: Level, seconds: float, *, project: str = "", by: str = "") -> ForAWhile:
        """Another level from now on, for so many seconds; it takes the place of an earlier one."""
        changed = ForAWhile(level, project, self._clock() + seconds, by)
        self._for_a_while[project] = changed
        self._ends[project] = self._ticks() + seconds
        self._weigh()
        return changed

    def back(self, project: str = "") -> ForAWhile | None:
        """Back to the configured level; what was in force instead, if anything was."""
        was = self._for_a_while.pop(project, None)
        self._ends.pop(project, None)
        self._weigh()
        return was

    def over(self) -> Iterator[ForAWhile]:
        """Those whose time is over; each goes, and is told once."""
        now = self._ticks()
        for project, one in tuple(self._for_a_while.items()):
            if self._ends[project] <= now:
                self.back(project)
                yield one

    def shown(self) -> list[dict[str, Any]]:
        """What is for a while, as JSON has it; ``left`` in seconds."""
        clock, now = self._clock(), self._ticks()
        left = {project: round(ends - now, 1) for project, ends in self._ends.items()}
        return [
            {**asdict(one), "until": round(clock + left[project], 1), "left": left[project]}
            for project, one in self._for_a_while.items()
        ]

    def wants(self, level: str, project: str) -> bool:
        """Whether a line of this level is written; `project` is empty for one that is of none."""
        own = self._for_a_while.get(project) if project else None
        return _NUMBERS[level.upper()] >= (self._node if own is None else _NUMBERS[own.level.upper()])

    def _weigh(self) -> None:
        node = self._for_a_while.get("")
        self._node = _NUMBERS[(self._configured if node is None else node.level).upper()]
        others = (_NUMBERS[one.level.upper()] for one in self._for_a_while.values() if one.project)
        self.least, self.mixed = min((self._node, *others)), bool(self._for_a_while)
