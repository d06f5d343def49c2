# SPDX-License-Identifier: GPL-3.0-or-later
"""When the circuit breaker opens and closes."""

from __future__ import annotations

import random

import pytest

from agent.web.breaker import Breaker


def _dead(breaker: Breaker | None = None) -> Breaker:
    """A breaker that opens at 1.0."""
    breaker = breaker or Breaker()
    for number in range(21):
        breaker.record(number * 0.05, failed=True)
    assert breaker.is_open
    return breaker


def test_nothing_but_failures_for_a_second_opens_it() -> None:
    breaker = Breaker()
    for number in range(20):
        breaker.record(number * 0.05, failed=True)
    assert not breaker.is_open
    breaker.record(1.0, failed=True)
    assert breaker.is_open


def test_few_failures_never_open_it_and_many_in_one_instant_neither() -> None:
    breaker = Breaker()
    for number in range(19):
        breaker.record(number * 10.0, failed=True)
    assert breaker.admit(1000.0) is None
    breaker = Breaker()
    for _ in range(1000):
        breaker.record(0.99, failed=True)
    assert not breaker.is_open


@pytest.mark.parametrize("seed", range(3))
def test_one_that_fails_in_part_stays_in_use(seed: int) -> None:
    chance, breaker = random.Random(seed), Breaker()  # noqa: S311 - no secret
    for number in range(50_000):
        breaker.record(number * 0.01, failed=chance.random() < 0.5)
        assert not breaker.is_open


@pytest.mark.parametrize("served", [False, None])
def test_whatever_is_no_failure_shows_that_somebody_is_there(served: bool | None) -> None:  # noqa: FBT001
    breaker = Breaker()
    for number in range(1000):
        breaker.record(number * 0.05, failed=served if number % 19 == 0 else True)
    assert not breaker.is_open


def test_while_open_it_says_how_long_to_wait_and_lets_nobody_come_back_with_the_others() -> None:
    breaker = _dead()
    waits = [breaker.admit(1.0) for _ in range(10_000)]
    assert waits[0] == pytest.approx(1.005)
    assert None not in waits
    assert all(1.0 <= (wait or 0) <= 10.0 for wait in waits)
    seconds = [round((wait or 0) * 10) for wait in waits]
    assert max(seconds.count(tenth) for tenth in range(100)) <= 200


def test_one_probe_is_let_through_and_closes_it_when_served() -> None:
    breaker = _dead()
    assert breaker.admit(1.99) is not None
    assert breaker.admit(2.0) is None
    assert breaker.admit(2.0) is not None
    breaker.record(2.1, failed=False)
    assert breaker.admit(2.1) is None
    assert not breaker.is_open


def test_probes_that_fail_grow_rarer_up_to_ten_seconds() -> None:
    breaker, now, probes = _dead(), 1.0, []
    while now < 60.0:
        if breaker.admit(now) is None:
            probes.append(round(now, 1))
            breaker.record(now, failed=True)
        now += 0.1
    assert probes == pytest.approx([2, 4, 8, 16, 26, 36, 46, 56], abs=0.6)


def test_a_probe_answered_404_shows_that_the_service_is_there() -> None:
    breaker = _dead()
    assert breaker.admit(2.0) is None
    breaker.record(2.1, failed=None)
    assert not breaker.is_open


def test_a_probe_that_never_reports_back_is_replaced() -> None:
    breaker = _dead()
    assert breaker.admit(2.0) is None
    assert breaker.admit(2.9) is not None
    assert breaker.admit(3.0) is None


def test_late_answers_to_earlier_requests_do_not_close_it() -> None:
    breaker = _dead()
    breaker.record(1.5, failed=False)
    assert breaker.is_open


def test_closed_again_it_opens_as_before() -> None:
    breaker = _dead()
    breaker.admit(2.0)
    breaker.record(2.0, failed=False)
    for number in range(20):
        breaker.record(3.0 + number * 0.05, failed=True)
    assert not breaker.is_open
    breaker.record(4.0, failed=True)
    assert breaker.is_open
