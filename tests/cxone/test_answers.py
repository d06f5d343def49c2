# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer of the Signal API, or the lack of one, means."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from agent.core.outcomes import Answer, Outcome
from agent.cxone.answers import of_response
from agent.web.failures import NoAnswerError, not_connected, of_failure, redacted, retry_after

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_what_nice_answers_when_it_took_a_signal_is_accepted(status: int) -> None:
    assert of_response(status, CIMultiDict(), "", NOW).accepted


@pytest.mark.parametrize("status", [203, 205, 206, 207, 226, 299])
def test_a_2xx_that_can_t_be_nice_s_is_in_doubt(status: int) -> None:
    answer = of_response(status, CIMultiDict(), "{}", NOW)
    said = f"an answer came that this API does not give (HTTP {status})"
    assert answer == Answer(Outcome.SERVER_FAULT, status, said)


@pytest.mark.parametrize(
    ("content_type", "body", "accepted"),
    [
        ("text/html", "<html>Be right back</html>", False),
        ("text/html; charset=utf-8", "Be right back", False),
        ("text/plain", "  <!DOCTYPE html>", False),
        ("text/html", "", True),
        ("application/json", "{}", True),
        ("text/plain", "No known way to render data", True),
    ],
)
def test_a_web_page_is_no_acceptance_but_an_empty_body_is(
    content_type: str,
    body: str,
    accepted: bool,  # noqa: FBT001 - a column of the table
) -> None:
    answer = of_response(200, CIMultiDict({"content-type": content_type}), body, NOW)

    assert answer.accepted is accepted
    assert answer.outcome in (Outcome.ACCEPTED, Outcome.SERVER_FAULT)


def test_a_400_that_speaks_of_an_expired_token_is_a_matter_of_the_token() -> None:
    answer = of_response(400, CIMultiDict(), '{"message": "The token has expired"}', NOW)

    assert answer.outcome is Outcome.UNAUTHORIZED


def test_nice_says_why_in_a_header() -> None:
    answer = of_response(404, CIMultiDict({"icstatusdescription": "InvalidContactId"}), "", NOW)

    assert answer == Answer(Outcome.UNKNOWN_CONTACT, 404, "InvalidContactId")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 1.5 ", 1.5),
        ("-3", 0.0),
        ("Tue, 14 Nov 2023 22:13:30 GMT", 10.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
        ("1e300", 86_400.0),
        ("inf", 86_400.0),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("-inf", 0.0),
        ("99999999", 86_400.0),
        ("9" * 5000, 86_400.0),
        ("0x10", None),
        ("120, 120", None),
        ("Mon, 01 Jan 0001 00:00:00 GMT", 0.0),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 86_400.0),
        ("Tue, 14 Nov 99999999 22:13:30 GMT", None),
        ("Tue, 99 Nov 2023 22:13:30 GMT", None),
    ],
)
def test_retry_after_may_be_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after(CIMultiDict({"retry-after": value}), NOW) == seconds


@given(
    st.text() | st.floats().map(str) | st.from_regex(r"[A-Z][a-z]{2}, \d+ Jan \d+ \d+:\d\d:\d\d [+-]\d{4}")
)
def test_whatever_stands_in_retry_after_is_bounded_or_nothing(value: str) -> None:
    seconds = retry_after({"Retry-After": value}, NOW)
    assert seconds is None or 0 <= seconds <= 86_400


def test_a_failure_before_and_after_bytes_may_have_left_are_told_apart() -> None:
    assert of_failure(NoAnswerError("x", may_have_left=False)).outcome is Outcome.NOT_SENT
    assert of_failure(NoAnswerError("x", may_have_left=True)).outcome is Outcome.UNCERTAIN


def test_a_failure_is_told_in_our_words_and_never_in_its_own() -> None:
    told = {
        OSError(111, "Connection refused", "GEHEIM"): "could not connect: Connection refused",
        OSError("GEHEIM"): "could not connect: no reason given",
        ssl.SSLError(1, "GEHEIM"): "no TLS connection could be made",
        ssl.SSLCertVerificationError(1, "GEHEIM"): "the server's certificate was not accepted",
    }
    for error, words in told.items():
        assert of_failure(not_connected(error)) == Answer(Outcome.NOT_SENT, None, words)


def test_details_are_one_short_line_without_secrets() -> None:
    assert redacted("a\r\nb\x00 GEHEIM-2 GEHEIM", ("GEHEIM", "GEHEIM-2")) == "a b … …"
    assert len(redacted("x" * 1000)) == 200
    assert redacted("Escalate it", ("it", "")) == "Escalate it"


def test_only_what_surely_had_no_effect_may_be_tried_again() -> None:
    again = {outcome for outcome in Outcome if Answer(outcome, None, "").may_retry}

    assert again == {
        Outcome.NOT_SENT,
        Outcome.BREAKER_OPEN,
        Outcome.UNAUTHORIZED,
        Outcome.THROTTLED,
        Outcome.UNAVAILABLE,
    }
