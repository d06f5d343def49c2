# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of outcomes is whole: each status has one meaning, each row the words that are needed."""

from __future__ import annotations

from collections import Counter

import pytest

from agent.core.outcomes import Outcome, TokenVerdict, of_status

FAULTS_OF_THE_SERVICE = {
    Outcome.THROTTLED,
    Outcome.UNAVAILABLE,
    Outcome.SERVER_FAULT,
    Outcome.UNCERTAIN,
    Outcome.NOT_SENT,
}
OF_THE_TOKEN = {
    Outcome.ACCEPTED: TokenVerdict.GOOD,
    Outcome.UNKNOWN_CONTACT: TokenVerdict.GOOD,
    Outcome.UNAUTHORIZED: TokenVerdict.REFUSED,
    Outcome.FORBIDDEN: TokenVerdict.OUTDATED,
}


def test_no_status_has_two_meanings() -> None:
    statuses = Counter(status for outcome in Outcome for status in outcome.meaning.statuses)
    families = Counter(family for outcome in Outcome for family in outcome.meaning.families)
    assert set(statuses.values()) == {1}
    assert families == {1: 1, 2: 1, 3: 1, 4: 1, 5: 1}


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (100, Outcome.SERVER_FAULT),
        (200, Outcome.ACCEPTED),
        (202, Outcome.ACCEPTED),
        (299, Outcome.ACCEPTED),
        (302, Outcome.SERVER_FAULT),
        (400, Outcome.BAD_REQUEST),
        (401, Outcome.UNAUTHORIZED),
        (403, Outcome.FORBIDDEN),
        (404, Outcome.UNKNOWN_CONTACT),
        (405, Outcome.BAD_REQUEST),
        (409, Outcome.BAD_REQUEST),
        (414, Outcome.BAD_REQUEST),
        (421, Outcome.SERVER_FAULT),
        (429, Outcome.THROTTLED),
        (499, Outcome.BAD_REQUEST),
        (500, Outcome.SERVER_FAULT),
        (501, Outcome.SERVER_FAULT),
        (503, Outcome.UNAVAILABLE),
        (504, Outcome.SERVER_FAULT),
        (999, Outcome.SERVER_FAULT),
    ],
)
def test_each_status_has_its_meaning(status: int, outcome: Outcome) -> None:
    assert of_status(status) is outcome


@pytest.mark.parametrize("outcome", Outcome)
def test_only_a_service_that_fails_counts_against_it(outcome: Outcome) -> None:
    served = False if outcome is Outcome.ACCEPTED else None
    assert outcome.meaning.failed is (True if outcome in FAULTS_OF_THE_SERVICE else served)


@pytest.mark.parametrize("outcome", Outcome)
def test_only_what_the_api_says_after_it_looked_at_the_token_speaks_of_it(outcome: Outcome) -> None:
    assert outcome.meaning.token is OF_THE_TOKEN.get(outcome, TokenVerdict.NOTHING)


@pytest.mark.parametrize("outcome", Outcome)
def test_operators_are_told_what_it_means_and_what_to_do(outcome: Outcome) -> None:
    assert outcome.meaning.told
    assert outcome.meaning.advice.remedy
    assert outcome.meaning.advice.cause or outcome in (Outcome.ACCEPTED, Outcome.BREAKER_OPEN)
