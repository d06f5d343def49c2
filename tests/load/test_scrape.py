# SPDX-License-Identifier: GPL-3.0-or-later
"""What a load reads of the agent's metrics."""

from __future__ import annotations

import pytest

from agent.load.scrape import parse

BEFORE = """
handoff_signals_total{project="a",moment="arrival",outcome="accepted"} 5
handoff_signal_seconds_bucket{moment="arrival",le="0.1"} 5
handoff_signal_seconds_bucket{moment="arrival",le="0.2"} 5
handoff_signal_seconds_bucket{moment="arrival",le="+Inf"} 5
python_gc_objects_collected_total{generation="0"} 9
"""
AFTER = """
handoff_signals_total{project="a",moment="arrival",outcome="accepted"} 15
handoff_signals_total{project="b",moment="arrival",outcome="expired"} 2
handoff_signal_seconds_bucket{moment="arrival",le="0.1"} 5
handoff_signal_seconds_bucket{moment="arrival",le="0.2"} 15
handoff_signal_seconds_bucket{moment="arrival",le="+Inf"} 15
"""


def test_it_tells_what_grew_since() -> None:
    before, after = parse(BEFORE), parse(AFTER)
    assert after.since(before, "handoff_signals_total") == 12
    assert after.since(before, "handoff_signals_total", outcome="accepted") == 10
    assert after.since(None, "handoff_signals_total", project="b") == 2


def test_a_quantile_is_that_of_what_was_gained() -> None:
    before, after = parse(BEFORE), parse(AFTER)
    assert after.quantile(before, "handoff_signal_seconds", 0.5) == pytest.approx(0.15)
    assert after.quantile(after, "handoff_signal_seconds", 0.5) is None
    assert after.quantile(None, "handoff_no_such_seconds", 0.5) is None


def test_what_a_load_does_not_ask_for_is_passed_over() -> None:
    assert not parse(BEFORE).has("python_gc_objects_collected_total")
