# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from an answer: nothing that may have taken effect is repeated, and every signal ends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.moments import Moment, SignalState
from agent.core.outcomes import Answer, Outcome
from agent.core.records import Attempt, Channel, Signal
from agent.core.retries import (
    AT_LEAST_ONCE,
    AT_MOST_ONCE,
    Next,
    Policy,
    RetryAt,
    Settle,
    given_up,
    next_step,
    pause,
)

SIGNAL = Signal("s", "c", "acme", "acme-care", "4711", Moment.HANDOFF, {"p1": "CARE"}, 1000.0, 1120.0)
IN_DOUBT = {Outcome.UNCERTAIN, Outcome.SERVER_FAULT}
RETRIED = {
    Outcome.NOT_SENT,
    Outcome.BREAKER_OPEN,
    Outcome.UNAUTHORIZED,
    Outcome.THROTTLED,
    Outcome.UNAVAILABLE,
}
outcomes = st.sampled_from(Outcome)
stops = st.sampled_from([None, SignalState.CANCELLED, SignalState.EXPIRED])
chances = st.floats(0, 1, exclude_max=True)


def tried(*made: Outcome) -> Signal:
    return replace(SIGNAL, attempts=tuple(Attempt(1000.0, 1001.0, outcome.value) for outcome in made))


def after(
    *made: Outcome,
    now: float = 1001.0,
    repeat_unknown: bool = False,
    stop: SignalState | None = None,
    retry_after: float | None = None,
) -> Next:
    answer = Answer(made[-1], None, "", retry_after)
    return next_step(
        tried(*made), answer, now, policy=Policy(repeat_unknown=repeat_unknown), stop=stop, chance=0.5
    )


@pytest.mark.parametrize("outcome", Outcome)
def test_each_outcome_of_a_first_try_has_its_consequence(outcome: Outcome) -> None:
    step = after(outcome)
    if outcome in RETRIED:
        assert isinstance(step, RetryAt)
    elif outcome in IN_DOUBT:
        assert step == Settle(SignalState.UNKNOWN)
    elif outcome is Outcome.ACCEPTED:
        assert step == Settle(SignalState.ACCEPTED)
    else:
        assert step == Settle(SignalState.REFUSED)


@pytest.mark.parametrize("outcome", sorted(IN_DOUBT))
def test_what_may_have_taken_effect_is_repeated_only_with_the_project_s_leave(outcome: Outcome) -> None:
    assert isinstance(after(outcome, repeat_unknown=True), RetryAt)
    assert after(outcome, repeat_unknown=True, now=1119.99) == RetryAt(SIGNAL.expires)  # and then given up
    assert after(outcome, Outcome.UNKNOWN_CONTACT, repeat_unknown=True) == Settle(SignalState.UNKNOWN)
    assert after(outcome, Outcome.ACCEPTED, repeat_unknown=True) == Settle(SignalState.ACCEPTED)


@pytest.mark.parametrize(
    ("asked", "heeded"), [(5.0, 5.0), (30.0, 30.0), (119.0, 30.0), (1e8, 30.0), (-3.0, 0.05)]
)
def test_retry_after_is_honoured_as_far_as_a_waiting_caller_allows(asked: float, heeded: float) -> None:
    step = after(Outcome.THROTTLED, retry_after=asked)
    assert isinstance(step, RetryAt)
    assert 1001.0 + heeded <= step.at <= 1001.0 + 1.1 * heeded + 0.2


@pytest.mark.parametrize("retry_after", [None, 1.0, 1e8])
def test_a_signal_expires_at_its_ttl_and_not_before(retry_after: float | None) -> None:
    assert after(Outcome.UNAVAILABLE, now=1119.99, retry_after=retry_after) == RetryAt(SIGNAL.expires)
    assert after(Outcome.UNAVAILABLE, now=1120.0, retry_after=retry_after) == Settle(SignalState.EXPIRED)


def test_one_that_is_not_wanted_any_more_is_not_tried_again() -> None:
    assert after(Outcome.UNAVAILABLE, stop=SignalState.CANCELLED) == Settle(SignalState.CANCELLED)
    assert after(Outcome.ACCEPTED, stop=SignalState.CANCELLED) == Settle(SignalState.ACCEPTED)
    assert after(Outcome.UNCERTAIN, stop=SignalState.CANCELLED) == Settle(SignalState.UNKNOWN)
    assert given_up(tried(Outcome.NOT_SENT), SignalState.CANCELLED) == Settle(SignalState.CANCELLED)
    assert given_up(tried(Outcome.UNCERTAIN), SignalState.CANCELLED) == Settle(SignalState.UNKNOWN)


@given(
    st.lists(outcomes, min_size=1, max_size=6),
    st.floats(1000, 1200),
    st.sampled_from([True, False]),
    stops,
    chances,
)
def test_whatever_happened_the_rules_of_the_contract_hold(
    made: list[Outcome], now: float, repeat: object, stop: SignalState | None, chance: float
) -> None:
    answer = Answer(made[-1], None, "")
    step = next_step(
        tried(*made), answer, now, policy=Policy(repeat_unknown=bool(repeat)), stop=stop, chance=chance
    )
    in_doubt = bool(IN_DOUBT & set(made))
    match step:
        case RetryAt(at):
            assert now < at <= SIGNAL.expires
            assert stop is None
            assert made[-1] in (RETRIED | IN_DOUBT if repeat else RETRIED)
        case Settle(state):
            assert state.final
            assert (state is SignalState.ACCEPTED) == (made[-1] is Outcome.ACCEPTED)
            assert (state is SignalState.UNKNOWN) == (in_doubt and made[-1] is not Outcome.ACCEPTED)


@given(
    outcomes,
    st.integers(1, 200),
    chances,
    st.none() | st.floats(),
    st.sampled_from([Policy(), AT_LEAST_ONCE]),
)
def test_a_pause_is_bounded_whatever_is_asked_and_up_to_there_never_shorter(
    outcome: Outcome, tries: int, chance: float, retry_after: float | None, policy: Policy
) -> None:
    pace = policy.pace
    seconds = pause(Answer(outcome, None, "", retry_after), tries, chance, pace)
    asked = min(retry_after or 0.0, pace.heeded) if retry_after == retry_after else 0.0  # noqa: PLR0124 - NaN
    assert max(0.05, asked) <= seconds <= max(pace.longest, asked * 1.1)


def test_pauses_grow_with_the_tries() -> None:
    answer = Answer(Outcome.UNAVAILABLE, 503, "")
    assert [round(pause(answer, tries, 0.5), 2) for tries in (1, 2, 3, 4, 10)] == [0.2, 0.4, 0.8, 1.6, 5.0]


WEBHOOK = replace(SIGNAL, channel=Channel.WEBHOOK, expires=1000.0 + 86_400)
FINAL = {Outcome.UNKNOWN_CONTACT, Outcome.BAD_REQUEST, Outcome.FORBIDDEN}


@pytest.mark.parametrize("outcome", Outcome)
def test_a_webhook_is_repeated_until_it_is_taken_or_refused(outcome: Outcome) -> None:
    tried = replace(WEBHOOK, attempts=(Attempt(1000.0, 1001.0, outcome.value),))
    answer = Answer(outcome, None, "")
    step = next_step(tried, answer, 1001.0, policy=AT_LEAST_ONCE, stop=None, chance=0.5)
    if outcome is Outcome.ACCEPTED:
        assert step == Settle(SignalState.ACCEPTED)
    elif outcome in FINAL:
        assert step == Settle(SignalState.REFUSED)
    else:
        assert isinstance(step, RetryAt)


def test_a_webhook_that_nobody_acknowledged_is_expired_and_not_in_doubt() -> None:
    tried = replace(WEBHOOK, attempts=(Attempt(1000.0, 1001.0, Outcome.UNCERTAIN.value),))
    answer = Answer(Outcome.UNCERTAIN, None, "")
    step = next_step(tried, answer, WEBHOOK.expires, policy=AT_LEAST_ONCE, stop=None, chance=0.5)
    assert step == Settle(SignalState.EXPIRED)


def test_a_day_of_tries_is_some_hundred_of_them() -> None:
    busy, now, tries = Answer(Outcome.UNAVAILABLE, 503, ""), 0.0, 0
    while now < 86_400:
        now, tries = now + pause(busy, tries, 0.5, AT_LEAST_ONCE.pace), tries + 1
    assert 400 < tries < 700
    assert pause(busy, 0, 0.5, AT_LEAST_ONCE.pace) == 0.5
    assert pause(busy, 1000, 0.999, AT_LEAST_ONCE.pace) < 300


@pytest.mark.parametrize("outcome", sorted(IN_DOUBT))
def test_a_transcript_that_may_have_taken_effect_is_never_repeated(outcome: Outcome) -> None:
    tried = replace(SIGNAL, channel=Channel.TRANSCRIPT, attempts=(Attempt(1000.0, 1001.0, outcome.value),))
    answer = Answer(outcome, 502, "")
    step = next_step(tried, answer, 1001.0, policy=AT_MOST_ONCE, stop=None, chance=0.5)
    assert step == Settle(SignalState.UNKNOWN)
