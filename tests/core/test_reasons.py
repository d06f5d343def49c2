# SPDX-License-Identifier: GPL-3.0-or-later
"""Reasons: one label, one code, one text each."""

from __future__ import annotations

import re

import pytest

from agent.core.moments import Moment, SignalState
from agent.core.reasons import End, Reason

LABEL = re.compile(r"[a-z]+(_[a-z]+)*")
PHRASE = re.compile(r"[A-Z][A-Za-z' ]+")


def test_no_two_reasons_share_a_label() -> None:
    assert len(Reason.__members__) == len({reason.value for reason in Reason})


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_can_be_a_label_a_code_and_a_reason_phrase(reason: Reason) -> None:
    assert LABEL.fullmatch(reason.value)
    assert reason.code in (0, 200) or 400 <= reason.code <= 699
    assert PHRASE.fullmatch(reason.text)


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("unknown_source", 403),
        ("unauthorized", 401),
        ("unknown_number", 404),
        ("bad_token", 403),
        ("missing_contact_id", 400),
        ("bad_contact_id", 400),
        ("duplicate_contact", 486),
        ("over_limit", 503),
        ("draining", 503),
        ("no_codec", 488),
        ("no_agent", 480),
        ("malformed", 400),
    ],
)
def test_the_answers_are_those_that_carriers_were_promised(label: str, code: int) -> None:
    assert [reason.code for reason in Reason if reason.value == label] == [code]


def test_a_call_ends_with_a_terminal_moment_or_by_its_caller() -> None:
    terminal = {moment.value for moment in Moment if moment.terminal}
    assert {end.value for end in End} == {*terminal, "caller"}


def test_a_signal_that_is_recorded_or_on_the_wire_is_not_final() -> None:
    assert [state for state in SignalState if not state.final] == [SignalState.RECORDED, SignalState.SENDING]
