# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits: how they are written, and what is held to them."""

from __future__ import annotations

import pytest

from agent.core.errors import AgentError
from agent.load.limits import MEASURES, Figure, judge, limits_of, parse_limit
from agent.load.profiles import PROFILES


@pytest.mark.parametrize(
    ("text", "value", "share"),
    [
        ("failures=0.1%", 0.1, True),
        ("failures=3", 3, False),
        ("setup_p99=50ms", 0.05, False),
        ("cpu=80%", 80, False),
        (" errors = 0 ", 0, False),
    ],
)
def test_a_limit_is_a_name_and_a_value_with_its_unit(text: str, value: float, share: bool) -> None:  # noqa: FBT001
    _, limit = parse_limit(text)
    assert limit is not None
    assert limit.value == pytest.approx(value)
    assert limit.share is share


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("speed=3", "is no limit: write NAME=VALUE, NAME one of failures"),
        ("failures", "is no limit"),
        ("failures=many", "write a share or a count"),
        ("failures=-1", "write a share or a count"),
        ("setup_p99=50", "is not a duration"),
        ("cpu=80", "is a percentage"),
    ],
)
def test_what_is_no_limit_is_refused_with_what_would_be_right(text: str, says: str) -> None:
    with pytest.raises(AgentError, match=says):
        parse_limit(text)


def test_every_profile_s_own_limits_can_be_read() -> None:
    for profile in PROFILES.values():
        assert limits_of(profile.limits, [])


def test_what_the_user_says_takes_the_place_of_the_profile_s() -> None:
    limits = limits_of(["failures=0", "errors=0"], ["failures=5%", "errors=off", "cpu=50%"])
    assert [(one.text(), one.asked) for one in limits] == [("failures=5%", True), ("cpu=50%", True)]


def test_the_most_and_the_least_are_told_apart() -> None:
    limits = limits_of(["reached=95%", "setup_p99=50ms", "failures=1%"], [])
    figures = {"reached": Figure(94), "setup_p99": Figure(0.05), "failures": Figure(1, 200)}
    assert {one.limit.measure.name: one.held for one in judge(limits, figures)} == {
        "reached": False,
        "setup_p99": True,
        "failures": True,
    }


def test_what_was_not_measured_breaks_a_limit_only_where_the_user_asked_for_it() -> None:
    asked, profiles = judge(limits_of(["errors=0"], ["gap=50ms"]), {})
    assert (profiles.held, profiles.broken, asked.held, asked.broken) == (None, False, None, True)
    assert "not measured" in asked.text()


def test_each_measure_says_what_it_is() -> None:
    assert [name for name, measure in MEASURES.items() if not measure.says] == []
