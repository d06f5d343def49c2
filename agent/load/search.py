# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for the highest rate at which every limit holds."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from agent.load.course import Course, End
from agent.load.limits import Judged
from agent.load.plan import Plan

STEP_SECONDS: Final = 15.0
SETTLE_SECONDS: Final = 3.0
"""Set-up times of so many seconds (a third of a short step) at first do not count: the rate is new then."""
PRECISION: Final = 0.05
"""The search ends when the bounds are within this share of the rate."""
MOST_RATES: Final = 14
_TRIES: Final = 2


@dataclass(frozen=True, slots=True)
class Step:
    """One rate that was tried, and what its limits say; `clean`: all hold."""

    rate: float
    course: Course
    judged: tuple[Judged, ...]

    @property
    def clean(self) -> bool:
        """Whether all limits hold."""
        return self.course.end is End.DONE and not any(one.broken for one in self.judged)


@dataclass(frozen=True, slots=True)
class Found:
    """What the search found.

    Attributes:
        highest: the highest rate that was clean; None if not even the lowest was.
        broken: the lowest rate above it that was not clean; None if the highest bound was clean.
        steps: all that was tried, in order.
        over: False where it was interrupted, or somebody died.
    """

    highest: float | None
    broken: float | None
    steps: tuple[Step, ...]
    over: bool

    def text(self) -> str:
        """The answer in one line."""
        if not self.over:
            best = f"; {self.highest:g} calls a second were clean" if self.highest is not None else ""
            return f"the search did not come to its end{best}"
        if self.highest is None:
            return f"not even {self.broken:g} calls a second are clean"
        if self.broken is None:
            return f"{self.highest:g} calls a second are clean, and no more were tried: give a higher bound"
        return f"the highest clean rate is {self.highest:g} calls a second; {self.broken:g} are not clean"


async def search(
    plan: Plan,
    bounds: tuple[float, float],
    seconds: float,
    run: Callable[[Plan, str], Coroutine[Any, Any, Course]],
    judged: Callable[[Course], tuple[Judged, ...]],
) -> Found:
    """Bisect between the bounds, which are tried first.

    A rate counts as not clean when it was tried twice and was not clean either time: a busy machine spoils
    a step now and then, and a rate that is too high fails again.

    Args:
        plan: what is run, but for rate and length.
        bounds: calls a second.
        seconds: length of a step.
        run: carries a plan out under a name.
        judged: holds a run to its limits.
    """
    steps: list[Step] = []

    async def clean(rate: float) -> bool | None:
        for _ in range(_TRIES):
            name = f"{rate:g}".replace(".", "_")
            course = await run(plan.at(rate, seconds, min(SETTLE_SECONDS, seconds / 3)), f"step-{name}")
            steps.append(Step(rate, course, judged(course)))
            if course.end is not End.DONE:
                return None
            if steps[-1].clean:
                return True
        return False

    low, high = bounds
    answer = await clean(low)
    if not answer:
        return Found(None, low if answer is False else None, tuple(steps), over=answer is False)
    answer = await clean(high)
    if answer is not False:
        return Found(high if answer else low, None, tuple(steps), over=bool(answer))
    while high - low > max(1.0, PRECISION * high) and len({step.rate for step in steps}) < MOST_RATES:
        middle = float(round((low + high) / 2, 0 if high > 10 else 1))  # noqa: PLR2004 - whole calls a second
        if middle in (low, high):
            break
        answer = await clean(middle)
        if answer is None:
            return Found(low, high, tuple(steps), over=False)
        low, high = (middle, high) if answer else (low, middle)
    return Found(low, high, tuple(steps), over=True)
