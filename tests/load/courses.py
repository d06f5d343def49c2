# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are over, made up: steady, and as good or bad as a test says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agent.load.course import Course, End, Sample, figures
from agent.load.limits import Judged, judge, limits_of
from agent.load.plan import Plan, Wishes, planned
from agent.load.profiles import PROFILES
from agent.load.words import Trouble


def plan(profile: str = "signalling", **wishes: Any) -> Plan:  # noqa: ANN401 - fields of Wishes
    """A plan of a profile."""
    return planned(PROFILES[profile], Wishes(**wishes))


def course(wait: float = 0.01, failed: int = 0, **changes: Any) -> Course:  # noqa: ANN401 - fields of Course
    """Ten seconds at ten calls a second, of which each waited about so long."""
    of = changes.pop("plan", plan(rate=10, length=10))
    samples = tuple(
        Sample(
            time=float(second),
            rate=10,
            begun=10 * second,
            up=2,
            done=10 * second - failed,
            failed=failed,
            retransmissions=0,
            setup_p50=wait,
            setup_p95=wait,
            setup_p99=wait,
            cpu={"agent": 20.0 + second % 2},
            memory=1000,
        )
        for second in range(1, 11)
    )
    when = [number / 10 for number in range(100)]
    waited = [wait + number % 5 / 1000 for number in range(100)]
    made = Course(of, 0.0, End.DONE, "", samples, when, waited, {}, ())
    return replace(made, **changes)


def with_everything() -> Course:
    """A run in which there is something of everything that can be measured."""
    of = course(wait=0.03, failed=2, reasons={"a <b>bad</b> end": 2}, troubles=(Trouble("503 & more", 7),))
    samples = tuple(
        replace(one, signals=5, signals_failed=1, signals_pending=1, signal_p50=0.1, signal_p99=0.2,
                lost=1, expected=500, gap=0.025, retransmissions=3)
        for one in of.samples
    )  # fmt: skip
    return replace(of, samples=samples)


def judged_by(of: Course, *limits: str) -> tuple[Judged, ...]:
    """What becomes of limits that are a profile's."""
    return judge(limits_of(limits, []), figures(of))
