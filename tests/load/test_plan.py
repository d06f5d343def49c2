# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans: rates, ramps, and the bounds that no option goes beyond."""

from __future__ import annotations

from typing import Any

import pytest

from agent.core.errors import AgentError
from agent.load.plan import MOST_CALLS, Ramp, parse_bounds, parse_ramp
from agent.load.profiles import PROFILES
from tests.load.courses import plan


def test_a_ramp_goes_evenly_and_stays_at_its_end() -> None:
    ramp = parse_ramp("50..300/30s")
    assert ramp == Ramp(50, 300, 30)
    assert [ramp.at(0), ramp.at(15), ramp.at(30), ramp.at(99)] == [50, 175, 300, 300]
    assert ramp.begun(30) == pytest.approx(5250)
    assert ramp.begun(40) == pytest.approx(8250)


@pytest.mark.parametrize("text", ["50..300", "50-300/30s", "50..300/30", "50..300/0s", "", "a..b/3s"])
def test_what_is_no_ramp_is_refused(text: str) -> None:
    with pytest.raises(AgentError, match="is no ramp: write FROM"):
        parse_ramp(text)


@pytest.mark.parametrize("text", ["20", "400..20", "0..20", "20..20", "x..y"])
def test_what_are_no_bounds_is_refused(text: str) -> None:
    with pytest.raises(AgentError, match="are no bounds: write LOW"):
        parse_bounds(text)


def test_a_profile_is_a_plan_by_itself() -> None:
    for name in PROFILES:
        made = plan(name)
        assert made.calls <= MOST_CALLS
        assert made.at_once >= made.ramp.last * made.hold


def test_calls_follow_from_rate_and_length_and_a_bound_of_calls_counts() -> None:
    assert plan(rate=10, length=20).calls == 200
    assert plan(rate=10, length=20, calls=50).calls == 50
    assert plan(ramp="10..30/10s").calls == 20 * 10 + 30 * 20


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        ({"rate": 0}, "out of range"),
        ({"rate": 2001}, "out of range"),
        ({"rate": float("nan")}, "out of range"),
        ({"rate": 5, "ramp": "1..2/3s"}, "exclude each other"),
        ({"ramp": "1..2/30s", "length": 10}, "ends before the ramp"),
        ({"length": 90_000}, "out of range"),
        ({"length": 0}, "begins no call"),
        ({"rate": 1000, "length": 80_000}, "a run has 2000000 at most"),
        ({"rate": 1000, "hold": 60}, "at once; 6000 is the most"),
        ({"calls": 0}, "--calls 0 is out of range"),
        ({"at_once": 7000}, "--at-once 7000 is out of range"),
    ],
)
def test_what_goes_beyond_a_bound_is_refused(wishes: dict[str, Any], says: str) -> None:
    with pytest.raises(AgentError, match=says):
        plan(**wishes)


def test_a_long_run_has_fewer_samples() -> None:
    assert plan("soak").every == 1
    assert plan("soak", length=36_000).every == 10


def test_a_step_keeps_all_but_rate_and_length() -> None:
    made = plan("handoff").at(7, 10, 2)
    assert (made.ramp.last, made.length, made.calls, made.settle, made.hold) == (7, 10, 70, 2, 1)
