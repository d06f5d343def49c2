# SPDX-License-Identifier: GPL-3.0-or-later
"""The log's level for a while: of the node, of one project; back by itself, by hand, never by a reload."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from agent.telemetry import logs
from agent.telemetry.levels import Levels

pytestmark = pytest.mark.usefixtures("logging_restored")


def events(capsys: pytest.CaptureFixture[str], part: str = "calls") -> list[str]:
    lines: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    return [line["event"] for line in lines if line["part"] == part]


def test_one_project_s_lines_are_written_and_no_other_s(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    logs.change_level("debug", 60, project="care")
    log = logs.logger("calls")
    log.debug("of the project", project="care")
    log.debug("of another", project="sales")
    log.debug("of none")
    log.info("of none, as configured")
    with logs.of_call("c-1", "care"):
        log.debug("in a call of the project")
    with logs.of_call("c-2", "sales"):
        log.debug("in a call of another")
    assert events(capsys) == ["of the project", "of none, as configured", "in a call of the project"]


def test_a_noisy_project_can_be_made_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    logs.change_level("error", 60, project="care")
    log = logs.logger("calls")
    log.info("noise", project="care")
    log.error("trouble", project="care")
    log.info("of another", project="sales")
    assert events(capsys) == ["trouble", "of another"]


def test_the_node_s_level_is_that_of_all_but_projects_with_one_of_their_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("warning")
    logs.change_level("debug", 60)
    logs.change_level("info", 60, project="care")
    log = logs.logger("calls")
    log.debug("of the node")
    log.debug("too little", project="care")
    log.info("enough", project="care")
    assert events(capsys) == ["of the node", "enough"]


def test_it_is_over_in_time_and_is_told_at_both_ends(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(logs._output, "levels", Levels(lambda: now, lambda: now))
    logs.configure()
    logs.change_level("debug", 600, project="care", by="ana")
    assert logs.levels_shown() == [
        {"level": "debug", "project": "care", "until": 1600.0, "by": "ana", "left": 600.0}
    ]
    now = 1599.0
    logs.levels_look()
    assert bool(logs.wanted.debug)
    now = 1600.0
    logs.levels_look()
    logs.levels_look()
    assert not logs.wanted.debug
    assert logs.levels_shown() == []
    logs.logger("calls").debug("quiet", project="care")
    said = events(capsys, "log")
    assert said == ["the log level is debug for a while", "the log level is the configured one again"]


def test_a_clock_that_is_set_back_makes_it_last_no_longer() -> None:
    clock, ticks = 10_000.0, 0.0
    levels = Levels(lambda: clock, lambda: ticks)
    levels.change("debug", 600)
    clock, ticks = 4_000.0, 599.0
    assert [(one["until"], one["left"]) for one in levels.shown()] == [(4001.0, 1.0)]
    assert not list(levels.over())
    ticks = 600.0
    assert [one.level for one in levels.over()] == ["debug"]
    assert levels.shown() == []


def test_a_reload_leaves_it_and_what_is_configured_meanwhile_holds_afterwards(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure()
    logs.change_level("debug", 60)
    logs.configure("error")
    log = logs.logger("calls")
    log.debug("still")
    assert logs.level_back()
    assert not logs.level_back()
    log.warning("as configured since the reload")
    assert events(capsys) == ["still"]


def test_what_libraries_log_heeds_it_and_their_debug_lines_stay_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure("warning")
    library = logging.getLogger("library")
    library.info("quiet")
    logs.change_level("debug", 60)
    library.info("told")
    library.debug("too much")
    logs.change_level("error", 60)
    library.warning("quiet again")
    assert events(capsys, "library") == ["told"]


def test_what_is_not_written_is_not_even_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    logs.configure()
    logs.change_level("warning", 60, project="care")

    def fail(*_: object) -> None:
        raise AssertionError("a line below the least level was drawn")

    monkeypatch.setattr(logs._output, "processors", [fail])
    logs.logger("calls").debug("quiet", project="care")
