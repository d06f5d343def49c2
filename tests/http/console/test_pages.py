# SPDX-License-Identifier: GPL-3.0-or-later
"""How pages write times and spans, and how plots are drawn."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from agent.http.console.pages import ago, day, environment, moment, seconds, words
from agent.http.console.plots import plot


def test_times_are_utc_and_spans_have_a_fitting_unit() -> None:
    assert moment(0.0) == "1970-01-01 00:00:00"
    assert day(0.0) == "1970-01-01T00:00:00Z"
    assert (moment(None), day(None), seconds(None)) == ("-", "", "-")
    spans = (0.0119, 1.5, 9.994, 75.0, 150.0, 10_000.0, 200_000.0)
    assert [seconds(span) for span in spans] == ["12 ms", "1.5 s", "9.99 s", "75 s", "2 min", "3 h", "2 d"]
    assert ago(100.0, 103.0) == "3 s ago"
    assert ago(100.0, 90.0) == "0 ms ago"
    assert words("bad_request") == "bad request"


def test_a_template_that_asks_for_what_is_not_there_fails() -> None:
    with pytest.raises(UndefinedError):
        environment().get_template("error.html").render()


def test_a_plot_ends_at_its_right_edge_and_leaves_out_what_is_older() -> None:
    drawn = plot([(0.0, 9.0), (3000.0, 1.0), (4000.0, 2.0)], 3600.0)
    assert [point.split(",")[0] for point in drawn.curve.split()] == ["260.0", "360.0"]
    assert (drawn.now, drawn.most, drawn.empty) == (2.0, 2.0, False)
    assert plot([], 3600.0).empty
    flat = plot([(0.0, 0.0), (10.0, 0.0)], 3600.0)
    assert {point.split(",")[1] for point in flat.curve.split()} == {"59.0"}
