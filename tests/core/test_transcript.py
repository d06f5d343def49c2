# SPDX-License-Identifier: GPL-3.0-or-later
"""The body that NICE's transcript store takes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from agent.core.model.project import Project
from agent.core.moments import Moment
from agent.core.records import CallRecord, Channel
from agent.core.transcript import Line, Speaker, Transcript, compose

CALL = CallRecord(
    *("c-1", "edge-1", "nice-na1", "acme", "acme-care", "9995550100", "4711", "4710", "sip-1", "ended"),
    began=1_800_000_000.0,
    answered=1_800_000_004.5,
)
SAID = Transcript((Line(Speaker.BOT, "Hello", 1_800_000_005.25), Line(Speaker.PATRON, "Hi", 1_800_000_007.0)))


def project(*, transcripts: bool = True) -> Project:
    tenant = {
        "business_unit": "4591234",
        "client_id": "c",
        "client_secret": "s",
        "access_key_id": "a",
        "access_key_secret": "s",
    }
    settings = {"vendor_id": "vendor", "virtual_agent_id": "agent-7"}
    return Project.model_validate(
        {
            "project": "acme-care",
            "account": "acme",
            "voice_agent": {"targets": [{"uri": "sip:bot@127.0.0.1:5070"}]},
            "cxone": tenant | ({"transcripts": settings} if transcripts else {}),
        }
    )


def body(transcript: Transcript = SAID, call: CallRecord = CALL) -> dict[str, Any]:
    entry = compose(project(), call, transcript, "t-1", 2000.0)
    assert entry is not None
    found: dict[str, Any] = json.loads(entry.parameters["body"])
    return found


def lines(*said: Line) -> list[tuple[str, str]]:
    items = body(Transcript(said))["selfServiceSessionDetails"]["transcripts"]
    return [(item["messageBody"], item["utcDateTime"]) for item in items]


def test_it_is_filed_under_the_master_contact_in_nice_s_words() -> None:
    escalated = replace(SAID, escalated=True, details="asked for a human", summary="a bill")
    assert body(escalated) == {
        "vendorId": "vendor",
        "busId": "4591234",
        "virtualAgentId": "agent-7",
        "contactId": "4710",
        "contactState": "SELF_SERVICE",
        "mediaType": "Voice",
        "selfServiceSessionDetails": {
            "transcriptPublishSettingOption": "PUBLISH_TRANSCRIPTS_ONLY",
            "sessionCompletionType": "ESCALATED",
            "sessionCompletionDetails": "asked for a human",
            "transcriptSummary": "a bill",
            "transcripts": [
                {
                    "participantId": "Bot",
                    "messageBody": "Hello",
                    "messageContentType": "TRANSCRIPT",
                    "utcDateTime": "2027-01-15T08:00:05.250",
                },
                {
                    "participantId": "Patron",
                    "messageBody": "Hi",
                    "messageContentType": "TRANSCRIPT",
                    "utcDateTime": "2027-01-15T08:00:07.000",
                },
            ],
        },
    }
    assert body()["selfServiceSessionDetails"]["sessionCompletionType"] == "CONTAINED"


def test_it_waits_in_the_outbox_for_a_day_under_its_master_contact() -> None:
    entry = compose(project(), CALL, SAID, "t-1", 2000.0)
    assert entry is not None
    assert (entry.channel, entry.contact_id, entry.call_id) == (Channel.TRANSCRIPT, "4710", "c-1")
    assert (entry.recorded, entry.expires) == (2000.0, 88_400.0)
    assert entry.moment is Moment.COMPLETED
    escalated = compose(project(), CALL, replace(SAID, escalated=True), "t-1", 2000.0)
    assert escalated is not None
    assert escalated.moment is Moment.HANDOFF


def test_items_without_text_are_left_out() -> None:
    said = [Line(Speaker.BOT, text, 1_800_000_005.0) for text in ("", " \n", "\t", " Hello ")]
    assert [text for text, _ in lines(*said)] == ["Hello"]


def test_an_item_without_a_time_has_that_of_the_one_before_it_and_the_first_that_of_the_answer() -> None:
    said = (
        Line(Speaker.BOT, "one"),
        Line(Speaker.BOT, "", 1_800_000_006.0),
        Line(Speaker.PATRON, "two"),
        Line(Speaker.BOT, "three", 1_800_000_009.0),
    )
    assert lines(*said) == [
        ("one", "2027-01-15T08:00:04.500"),
        ("two", "2027-01-15T08:00:06.000"),
        ("three", "2027-01-15T08:00:09.000"),
    ]
    unanswered = body(Transcript((Line(Speaker.BOT, "one"),)), replace(CALL, answered=None))
    (item,) = unanswered["selfServiceSessionDetails"]["transcripts"]
    assert item["utcDateTime"] == "2027-01-15T08:00:00.000"


def test_what_is_no_text_does_not_get_into_one() -> None:
    assert [text for text, _ in lines(Line(Speaker.BOT, "a\ud800b\x00c"))] == ["a�b�c"]
    assert body(replace(SAID, summary="\udfff"))["selfServiceSessionDetails"]["transcriptSummary"] == "�"


@pytest.mark.parametrize(
    ("configured", "call"), [(project(transcripts=False), CALL), (project(), replace(CALL, master_id=""))]
)
def test_without_settings_or_a_master_contact_there_is_none(configured: Project, call: CallRecord) -> None:
    assert compose(configured, call, SAID, "t-1", 2000.0) is None
