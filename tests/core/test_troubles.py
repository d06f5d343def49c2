# SPDX-License-Identifier: GPL-3.0-or-later
"""When errors that were contained are so many that the node must say so."""

from __future__ import annotations

from agent.core.troubles import AT_LEAST, WITHIN_SECONDS, Troubles


def after(*times: float) -> Troubles:
    troubles = Troubles()
    for number, when in enumerate(times):
        troubles.took(("tick", "action")[number % 2], when)
    return troubles


def test_a_few_errors_are_no_trouble() -> None:
    assert after(*range(AT_LEAST - 1)).why(2.0) is None


def test_as_many_within_a_minute_are_and_it_says_where() -> None:
    assert after(0.0, 1.0, 2.0).why(2.0) == (
        "internal errors within 60 s in: action, tick; the log says which"
    )


def test_it_passes_by_itself() -> None:
    troubles = after(0.0, 1.0, 2.0)
    assert troubles.why(WITHIN_SECONDS) is not None
    assert troubles.why(WITHIN_SECONDS + 0.1) is None


def test_errors_far_between_are_none() -> None:
    assert after(0.0, 50.0, 100.0).why(100.0) is None
