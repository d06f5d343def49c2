# SPDX-License-Identifier: GPL-3.0-or-later
"""Who speaks when in a test call, told by loudness alone."""

from __future__ import annotations

import pytest

from agent.core.turns import LOUD, PAUSE_SECONDS, Turns


def heard(*sounds: tuple[float, float], until: float, spoke_at: float | None = None) -> Turns:
    """Turns that began at 10 s and heard sound in these spans, looked at every 20 ms."""
    turns = Turns(10.0)
    for look in range(int((until - 10.0) * 50) + 1):
        now = 10.0 + look / 50
        if spoke_at is not None and abs(now - spoke_at + 2.0) < 0.001:
            turns.speak()
        if spoke_at is not None and abs(now - spoke_at) < 0.001:
            turns.spoke(now)
        loud = any(begin <= now < end for begin, end in sounds)
        turns.hear(now, LOUD * 2 if loud else LOUD // 3)
    return turns


def test_nothing_is_heard_of_silence() -> None:
    turns = heard(until=15.0, spoke_at=13.0)
    assert (turns.first_audio, turns.response_gap, turns.talked_on) == (None, None, False)
    assert not turns.settled(15.0)
    assert not turns.paused(15.0)


def test_a_greeting_then_our_speech_then_an_answer() -> None:
    turns = heard((10.5, 12.0), (16.2, 17.0), until=18.0, spoke_at=15.0)
    assert turns.first_audio == pytest.approx(0.5, abs=0.021)
    assert turns.response_gap == pytest.approx(1.2, abs=0.021)
    assert not turns.talked_on


def test_a_pause_is_longer_than_one_between_two_sentences() -> None:
    turns = heard((10.5, 11.0), until=11.5)
    assert not turns.paused(11.0 + PAUSE_SECONDS / 2)
    assert turns.paused(11.0 + PAUSE_SECONDS)


def test_of_one_that_talks_on_no_answer_can_be_told() -> None:
    turns = heard((10.5, 20.0), until=20.0, spoke_at=15.0)
    assert turns.talked_on
    assert not turns.settled(20.0)
    assert turns.settled(20.0 + PAUSE_SECONDS), "it is quiet: worth another question"
    assert turns.response_gap is None


def test_one_that_says_nothing_after_us_has_not_answered() -> None:
    turns = heard((10.5, 12.0), until=20.0, spoke_at=15.0)
    assert (turns.settled(20.0), turns.talked_on, turns.response_gap) == (False, False, None)


def test_one_that_speaks_first_when_it_is_spoken_to_has_answered() -> None:
    turns = heard((15.5, 16.0), until=20.0, spoke_at=15.0)
    assert turns.response_gap == pytest.approx(0.5, abs=0.021)
    assert turns.first_audio == pytest.approx(5.5, abs=0.021)


def test_one_that_stops_when_it_is_spoken_over_and_then_answers_hears() -> None:
    turns = heard((10.5, 13.5), (16.0, 17.0), until=18.0, spoke_at=15.0)
    assert not turns.talked_on
    assert turns.response_gap == pytest.approx(1.0, abs=0.021)


def test_one_that_begins_to_speak_while_we_do_has_not_listened() -> None:
    turns = heard((10.5, 11.5), (13.5, 14.2), (15.4, 17.0), until=18.0, spoke_at=15.0)
    assert turns.talked_on, "it was quiet when we had finished, but had not waited for that"
    assert turns.response_gap is None


def test_a_second_question_is_judged_by_itself() -> None:
    turns = heard((10.5, 16.0), until=17.0, spoke_at=15.0)
    turns.speak()
    turns.spoke(19.0)
    turns.hear(19.6, LOUD)
    assert turns.settled(19.6)
    assert turns.response_gap == pytest.approx(0.6)
