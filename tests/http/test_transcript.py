# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Transcripts: what a voice agent may post, and each answer."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from agent.http.models import TranscriptEntry
from agent.http.ports import (
    AlreadyPosted,
    NoMasterContact,
    NoSuchCall,
    NotConfigured,
    TranscriptAccepted,
    TranscriptOutcome,
)

TRANSCRIPT = "/v1/acme/acme-care/transcript"
KEY = {"x-api-key": "care-key"}


async def test_a_transcript_is_taken_as_it_was_said(api: Any, desk: Any) -> None:
    body = {
        "contact_id": 4711,
        "completion": "escalated",
        "details": "asked for a person",
        "summary": "billing",
        "entries": [
            {"who": "bot", "text": "Hello", "at": "2026-01-31T12:00:00.250Z"},
            {"who": "patron", "text": "Grüezi", "at": 1769860801},
            {"who": "patron", "text": ""},
        ],
    }
    status, answer, _ = await api("POST", TRANSCRIPT, json=body, headers=KEY)
    assert (status, answer) == (202, {"id": "transcript-1", "state": "recorded"})
    ((account, project, asked),) = desk.posted
    assert (account, project, asked.contact_id, asked.completion) == (
        "acme",
        "acme-care",
        "4711",
        "escalated",
    )
    assert [(one.who, one.text, one.at) for one in asked.entries] == [
        ("bot", "Hello", 1769860800.25),
        ("patron", "Grüezi", 1769860801.0),
        ("patron", "", None),
    ]


async def test_little_is_enough(api: Any, desk: Any) -> None:
    assert (await api("POST", TRANSCRIPT, json={"call_id": "call-1"}, headers=KEY))[0] == 202
    assert (desk.posted[0][2].completion, desk.posted[0][2].entries) == ("contained", ())


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (TranscriptAccepted("t-9", "sending"), 202),
        (NoSuchCall(), 404),
        (NotConfigured(), 409),
        (AlreadyPosted(), 409),
        (NoMasterContact(), 409),
    ],
)
async def test_each_outcome_has_its_answer(
    api: Any, desk: Any, outcome: TranscriptOutcome, expected: int
) -> None:
    desk.transcript_answer = outcome
    status, answer, _ = await api("POST", TRANSCRIPT, json={"call_id": "call-1"}, headers=KEY)
    assert status == expected
    assert answer == {"id": "t-9", "state": "sending"} if expected == 202 else answer["error_message"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"call_id": " "}, "body"),
        ({"completion": "done"}, "completion"),
        ({"details": "x" * 2001}, "details"),
        ({"summary": "x" * 10_001}, "summary"),
        ({"more": 1}, "more"),
        ({"entries": [{"who": "agent", "text": "x"}]}, "entries.0.who"),
        ({"entries": [{"who": "bot"}]}, "entries.0.text"),
        ({"entries": [{"who": "bot", "text": {"rich": "text"}}]}, "entries.0.text"),
        ({"entries": [{"who": "bot", "text": 7}]}, "entries.0.text"),
        ({"entries": [{"who": "bot", "text": "x" * 10_001}]}, "entries.0.text"),
        ({"entries": [{"who": "bot", "text": "x", "at": "noon"}]}, "entries.0.at"),
        ({"entries": [{"who": "bot", "text": "x", "mood": "good"}]}, "entries.0.mood"),
        ({"entries": [{"who": "bot", "text": "x"}] * 2001}, "entries"),
    ],
)
async def test_a_field_that_can_t_be_used_is_named(
    api: Any, desk: Any, change: dict[str, Any], field: str
) -> None:
    status, answer, _ = await api("POST", TRANSCRIPT, json={"call_id": "call-1"} | change, headers=KEY)
    assert (status, [mistake["field"] for mistake in answer["fields"]]) == (422, [field])
    assert desk.posted == []


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2026-01-31T12:00:00Z", 1769860800.0),
        ("2026-01-31T12:00:00", 1769860800.0),
        ("2026-01-31T13:00:00+01:00", 1769860800.0),
        ("1970-01-01T00:00:00Z", 0.0),
        (0, 0.0),
        (1769860800.5, 1769860800.5),
    ],
)
def test_a_time_is_iso_8601_in_utc_unless_it_says_otherwise_or_seconds(
    written: object, seconds: float
) -> None:
    entry = TranscriptEntry.model_validate({"who": "bot", "text": "x", "at": written})
    assert entry.at == seconds


@pytest.mark.parametrize(
    "written", [True, -86401, "1969-12-30T23:59:59Z", "0001-01-01T00:00:00+10:00", 1e300, 10**400, "", [], {}]
)
def test_what_is_no_time_of_ours_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        TranscriptEntry.model_validate({"who": "bot", "text": "x", "at": written})
