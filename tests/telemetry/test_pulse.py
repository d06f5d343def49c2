# SPDX-License-Identifier: GPL-3.0-or-later
"""The last hour in a few numbers."""

from __future__ import annotations

from agent.telemetry.metrics import Metrics
from agent.telemetry.pulse import BEATS, EVERY_SECONDS, Beat, Pulse


def test_beats_tell_calls_and_the_rate_since_the_one_before() -> None:
    pulse = Pulse()
    pulse.take(100.0, 2, 10)
    pulse.take(110.0, 3, 40)
    assert pulse.beats == (Beat(100.0, 2, 0.0), Beat(110.0, 3, 3.0))


def test_they_come_in_their_time_also_when_the_clock_is_set_back() -> None:
    pulse = Pulse()
    assert pulse.due(100.0)
    pulse.take(100.0, 0, 0)
    assert [pulse.due(when) for when in (100.0, 100.0 + EVERY_SECONDS - 1, 100.0 + EVERY_SECONDS, 50.0)] == [
        False,
        False,
        True,
        True,
    ]


def test_an_hour_is_kept() -> None:
    pulse = Pulse()
    for number in range(BEATS + 10):
        pulse.take(number * EVERY_SECONDS, number, number)
    assert (len(pulse.beats), pulse.beats[0].calls) == (BEATS, 10)


def test_totals_are_what_was_counted_by_project() -> None:
    metrics = Metrics()
    metrics.readings.guard = lambda: {"unknown_source": 4}
    metrics.invite_answered("care", "answered")
    metrics.invite_answered("care", "over_limit")
    metrics.call_started("care")
    metrics.call_ended("care", "handoff")
    for moment in ("arrival", "handoff"):
        metrics.signal_settled("care", moment, "accepted", 0.1)
    totals = metrics.totals()
    assert totals.invites == {("care", "answered"): 1, ("care", "over_limit"): 1, ("", "unknown_source"): 4}
    assert totals.ends == {("care", "handoff"): 1}
    assert totals.signals == {("care", "accepted"): 2}
    assert metrics.invites == 2
