# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for the highest clean rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from agent.load.course import Course, End, figures
from agent.load.limits import Judged, judge, limits_of
from agent.load.plan import Plan
from agent.load.search import Found, search
from tests.load.courses import course, plan

LIMITS = limits_of(["failures=0"], [])


def judged(found: Course) -> tuple[Judged, ...]:
    return judge(LIMITS, figures(found))


async def searched(clean: Callable[[float, int], bool], bounds: tuple[float, float]) -> Found:
    """Search where a rate is clean as `clean` says of it and of how often it was tried before."""
    tried: dict[float, int] = {}

    async def run(of: Plan, name: str) -> Course:
        assert name.startswith("step-")
        rate = of.ramp.last
        tried[rate] = tried.get(rate, 0) + 1
        return course(failed=0 if clean(rate, tried[rate]) else 3, plan=of)

    return await search(plan(), bounds, 10, run, judged)


@pytest.mark.parametrize("edge", [25, 60, 137, 390])
async def test_it_comes_within_a_twentieth_of_the_highest_clean_rate(edge: int) -> None:
    found = await searched(lambda rate, _: rate <= edge, (20, 400))
    assert found.highest is not None
    assert found.broken is not None
    assert found.highest <= edge < found.broken
    assert found.broken - found.highest <= max(1, 0.05 * found.broken)
    assert str(int(found.highest)) in found.text()


async def test_a_rate_that_fails_once_is_tried_again() -> None:
    found = await searched(lambda rate, time: rate <= 60 and (rate != 40 or time > 1), (20, 60))
    assert (found.highest, found.broken) == (60, None)
    assert "no more were tried" in found.text()


async def test_a_lowest_rate_that_is_not_clean_ends_it() -> None:
    found = await searched(lambda *_: False, (20, 400))
    assert (found.highest, found.broken, len(found.steps)) == (None, 20, 2)
    assert "not even 20" in found.text()


async def test_an_interruption_ends_it_with_what_is_known() -> None:
    runs = 0

    async def run(of: Plan, _: str) -> Course:
        nonlocal runs
        runs += 1
        made = course(plan=of)
        return made if runs < 2 else replace(made, end=End.INTERRUPTED)

    found = await search(plan(), (20, 400), 10, run, judged)
    assert (found.highest, found.over) == (20, False)
    assert "did not come to its end; 20 calls" in found.text()
