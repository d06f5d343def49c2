# SPDX-License-Identifier: GPL-3.0-or-later
"""When the circuit breaker opens and closes."""

from __future__ import annotations

from agent.web.breaker import Breaker


def _broken(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(20):
        breaker.record(now, failed=True)
    assert breaker.is_open
    return breaker


def test_a_fifth_of_failures_opens_it_and_less_does_not() -> None:
    breaker = Breaker()
    for n in range(100):
        breaker.record(n * 0.01, failed=n % 6 == 5)
    assert not breaker.is_open

    breaker = Breaker()
    for n in range(100):
        breaker.record(n * 0.01, failed=n % 5 == 4)
    assert breaker.is_open


def test_few_requests_never_open_it() -> None:
    breaker = Breaker()
    for _ in range(19):
        breaker.record(0, failed=True)

    assert breaker.admit(0) is None


def test_old_failures_are_forgotten() -> None:
    breaker = Breaker()
    for _ in range(19):
        breaker.record(0, failed=True)
    for _ in range(80):
        breaker.record(10.0, failed=False)
    breaker.record(10.0, failed=True)

    assert not breaker.is_open


def test_answers_that_say_nothing_of_the_service_do_not_count() -> None:
    breaker = Breaker()
    for _ in range(1000):
        breaker.record(0, failed=None)
    for _ in range(19):
        breaker.record(0, failed=True)

    assert not breaker.is_open


def test_while_open_it_says_how_long_to_wait() -> None:
    breaker = _broken()

    assert breaker.admit(4.0) == 6.0


def test_one_probe_is_let_through_and_closes_it_when_served() -> None:
    breaker = _broken()

    assert breaker.admit(10.0) is None
    assert breaker.admit(10.0) == 10.0
    breaker.record(11.0, failed=False)
    assert breaker.admit(11.0) is None
    assert not breaker.is_open


def test_a_probe_that_fails_opens_it_anew() -> None:
    breaker = _broken()
    assert breaker.admit(10.0) is None

    breaker.record(12.0, failed=True)

    assert breaker.admit(13.0) == 9.0


def test_a_probe_answered_404_shows_that_the_service_is_there() -> None:
    breaker = _broken()
    assert breaker.admit(10.0) is None

    breaker.record(10.1, failed=None)

    assert not breaker.is_open


def test_a_probe_that_never_reports_back_is_replaced() -> None:
    breaker = _broken()
    assert breaker.admit(10.0) is None

    assert breaker.admit(19.9) is not None
    assert breaker.admit(20.0) is None


def test_late_answers_to_earlier_requests_do_not_close_it() -> None:
    breaker = _broken()

    breaker.record(1.0, failed=False)

    assert breaker.is_open
