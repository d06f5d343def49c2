# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts and exit codes, and what is kept of a load."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from agent.load.course import Course, End, Nice, figures
from agent.load.limits import judge, limits_of
from agent.load.outcome import Outcome, keep
from tests.load.courses import course


def outcome(of: Course, *limits: str) -> Outcome:
    return Outcome(of, judge(limits_of(["failures=0"], limits), figures(of)), "here")


@pytest.mark.parametrize(
    ("made", "limits", "code", "says"),
    [
        (course(), (), 0, "within all limits"),
        (course(failed=2), (), 1, "NOT within the limits: failures"),
        (course(wait=0.2), ("setup_p99=50ms",), 1, "NOT within the limits: setup_p99"),
        (course(), ("gap=20ms",), 1, "NOT within the limits: gap"),
        (course(end=End.DIED, why="agent ended early: killed"), (), 1, "BROKEN OFF: agent ended early"),
        (course(failed=2, end=End.INTERRUPTED), (), 130, "INTERRUPTED after 10 s"),
        (course(nice=Nice(10, 1, 0)), ("signals_missing=0",), 1, "signals_missing"),
    ],
)
def test_the_verdict_and_its_exit_code(made: Course, limits: tuple[str, ...], code: int, says: str) -> None:
    found = outcome(made, *limits)
    assert (found.code, says in found.verdict) == (code, True), found.verdict


def test_set_up_times_of_the_settling_time_do_not_count_but_failures_do() -> None:
    made = course(failed=1)
    waited = [1.0 if when < 3 else 0.01 for when in made.when]
    settled = replace(made, waited=waited, plan=replace(made.plan, settle=3.0))
    measured = figures(settled)
    assert measured["setup_max"].value == pytest.approx(0.01)
    assert measured["failures"].value == 1


def test_an_interrupted_run_is_not_asked_for_calls_that_it_had_no_time_for() -> None:
    made = course()
    half = replace(made, samples=made.samples[:5], end=End.INTERRUPTED)
    assert figures(half)["reached"].value == pytest.approx(100)


def test_what_is_kept_can_be_read_by_programs(tmp_path: Path) -> None:
    keep(outcome(course(failed=1)), tmp_path / "kept")
    data = json.loads((tmp_path / "kept/result.json").read_text())
    assert (data["exit_code"], data["totals"]["begun"], data["figures"]["failures"]) == (
        1,
        100,
        {"value": 1, "of": 100},
    )
    with (tmp_path / "kept/samples.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (len(rows), rows[-1]["begun"], rows[0]["cpu_agent"]) == (10, "100", "21.0")
    assert len((tmp_path / "kept/setups.csv").read_text().splitlines()) == 101
