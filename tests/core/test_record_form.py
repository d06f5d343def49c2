# SPDX-License-Identifier: GPL-3.0-or-later
"""What a record says of a call; its schema, its columns and docs/records.md say the same."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema_rs
import pytest

from agent.core import record_form
from agent.core.quality import LegQuality, estimate
from agent.core.record_form import (
    CALL,
    HANDOFF,
    LEG,
    VERSION,
    Field,
    Finished,
    HandoffFacts,
    Kind,
    as_line,
    as_record,
    as_row,
    columns,
    json_schema,
)
from agent.core.records import CallRecord, Handoff, Way

PAGE = (Path(__file__).parents[2] / "docs" / "records.md").read_text(encoding="utf-8")
OVER = CallRecord(
    *("c-1", "edge-1", "nice-na1", "acme", "acme-care", "9995550100", "4711", "4710", "sip-1", "ended"),
    began=1_800_000_000.25,
    answered=1_800_000_001.5,
    ended=1_800_000_061.75,
    end="handoff",
    reason="handoff",
    legs=(
        LegQuality("caller", "PCMU", "relay", 3000, 2999, 3, 1, None, 0, 0.0041234567, 0.04, None, 4.4),
        LegQuality("agent", "PCMU", "relay", 2999, 3000, mos=estimate(2999, 0, 0, None, "PCMU")),
    ),
)
ASKED = HandoffFacts.of(
    Handoff(
        *("h-1", "c-1", "acme", "acme-care", "4711"),
        asked=1_800_000_060.0,
        destination="CARE",
        skill="billing",
        reason="\ud800 Zoë",
        data={"secret": "not told"},
        shared_id="crm-7",
        way=Way.REFER,
    )
)
WHOLE = Finished(OVER, ASKED, 7)
UNANSWERED = Finished(
    replace(OVER, answered=None, end="caller", reason="cancelled", legs=(), contact_id="", master_id="")
)


def test_it_says_who_when_how_long_why_and_how_good() -> None:
    told = as_record(WHOLE)
    assert (told["version"], told["sequence"], told["call_id"]) == (VERSION, 7, "c-1")
    assert (told["began"], told["ended"]) == ("2027-01-15T08:00:00.250Z", "2027-01-15T08:01:01.750Z")
    assert (told["setup_seconds"], told["talk_seconds"]) == (1.25, 60.25)
    assert (told["end"], told["reason"]) == ("handoff", "handoff")
    assert told["handoff"] == {
        "id": "h-1",
        "asked": "2027-01-15T08:01:00.000Z",
        "way": "refer",
        "destination": "CARE",
        "skill": "billing",
        "reason": "\ud800 Zoë",
        "shared_id": "crm-7",
    }
    caller, agent = told["legs"]
    assert (caller["side"], caller["received"], caller["jitter"], caller["mos"]) == (
        "caller",
        3000,
        0.004123,
        4.4,
    )
    assert (agent["round_trip"], agent["discarded"], agent["longest_gap"]) == (None, None, None)


def test_a_call_that_nobody_answered_has_no_talk_and_no_handoff() -> None:
    told = as_record(UNANSWERED)
    assert (told["answered"], told["setup_seconds"], told["talk_seconds"]) == (None, None, 0.0)
    assert (told["handoff"], told["legs"], told["sequence"]) == (None, [], None)


def test_a_clock_that_was_set_back_makes_no_negative_time() -> None:
    told = as_record(Finished(replace(OVER, ended=OVER.began - 10)))
    assert told["talk_seconds"] == 0.0


@pytest.mark.parametrize("finished", [WHOLE, UNANSWERED], ids=["whole", "unanswered"])
def test_a_line_is_one_line_in_ascii_and_fits_the_schema(finished: Finished) -> None:
    line = as_line(finished)
    assert line.isascii()
    assert line.endswith("}\n")
    assert line.count("\n") == 1
    plain = line.replace("\\ud800", "")  # JSON takes half a character, the validator does not
    jsonschema_rs.validator_for(json_schema(), validate_formats=True).validate(json.loads(plain))


def test_the_schema_has_exactly_the_keys_of_a_record() -> None:
    schema, told = json_schema(), as_record(WHOLE)
    assert list(schema["properties"]) == schema["required"] == list(told)
    handoff = schema["properties"]["handoff"]["anyOf"][0]
    assert list(handoff["properties"]) == handoff["required"] == list(told["handoff"])
    leg = schema["properties"]["legs"]["items"]
    assert list(leg["properties"]) == leg["required"] == list(told["legs"][0])


KEPT = (Path(__file__).parent / "records_of_version_1.jsonl").read_text(encoding="ascii").splitlines()
"""Lines as agents wrote them. Some may be added, none is ever changed: that would be another version."""


@pytest.mark.parametrize("line", KEPT)
def test_a_line_of_an_older_agent_still_fits(line: str) -> None:
    found = json.loads(line)
    schema = json_schema()
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(found)
    assert set(found) <= set(schema["properties"]), "no field goes within a version"
    legs = schema["properties"]["legs"]["items"]["properties"]
    assert all(set(leg) <= set(legs) for leg in found["legs"])
    handoff = schema["properties"]["handoff"]["anyOf"][0]["properties"]
    assert set(found["handoff"] or ()) <= set(handoff)


def test_a_field_that_is_added_is_not_required(monkeypatch: pytest.MonkeyPatch) -> None:
    added = Field("added", Kind.COUNT, "Something new.", later=True)
    monkeypatch.setattr(record_form, "LEG", (*LEG, added))
    validator = jsonschema_rs.validator_for(json_schema(), validate_formats=True)
    validator.validate(json.loads(KEPT[0]))
    changed = json.loads(KEPT[0])
    changed["legs"][0]["added"] = "no number"
    assert not validator.is_valid(changed)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"version": 2}, "version"),
        ({"ended": "yesterday"}, "ended"),
        ({"end": "sometime"}, "end"),
        ({"talk_seconds": -1}, "talk_seconds"),
        ({"legs": None}, "legs"),
    ],
)
def test_the_schema_refuses_what_is_no_record(change: dict[str, object], wrong: str) -> None:
    validator = jsonschema_rs.validator_for(json_schema(), validate_formats=True)
    with pytest.raises(jsonschema_rs.ValidationError) as caught:
        validator.validate(as_record(UNANSWERED) | change)
    assert wrong in str(caught.value)


def test_a_row_has_a_value_for_each_column() -> None:
    row = dict(zip([column.name for column in columns()], as_row(as_record(WHOLE)), strict=True))
    assert (row["call_id"], row["handoff_skill"], row["caller_lost"]) == ("c-1", "billing", 3)
    assert (row["agent_received"], row["target_received"], row["target_mos"]) == (2999, None, None)
    empty = dict(zip([column.name for column in columns()], as_row(as_record(UNANSWERED)), strict=True))
    assert (empty["handoff_id"], empty["caller_codec"]) == (None, None)


def test_of_two_legs_on_a_side_the_later_one_counts_in_a_row() -> None:
    twice = replace(OVER, legs=(LegQuality("agent", received=1), LegQuality("agent", received=2)))
    row = dict(zip([column.name for column in columns()], as_row(as_record(Finished(twice))), strict=True))
    assert row["agent_received"] == 2


def rows() -> set[tuple[str, str]]:
    found = re.findall(r"^\| `([a-z_.\[\]]+)` \| ([a-z, ]+) \|", PAGE, re.MULTILINE)
    return {(name, kind) for name, kind in found}


def test_the_page_has_a_row_for_each_field() -> None:
    words = {
        Kind.TEXT: "text",
        Kind.TIME: "time",
        Kind.SECONDS: "seconds",
        Kind.COUNT: "whole number",
        Kind.NUMBER: "number",
    }
    fields = [
        *((field.name, field) for field in CALL),
        *((f"handoff.{field.name}", field) for field in HANDOFF),
        *((f"legs[].{field.name}", field) for field in LEG),
    ]
    expected = {(name, words[field.kind] + (", null" if field.may_be_null else "")) for name, field in fields}
    assert rows() == expected


def test_the_page_shows_a_record_that_fits_the_schema() -> None:
    shown = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert shown is not None
    found = json.loads(shown[1])
    jsonschema_rs.validator_for(json_schema(), validate_formats=True).validate(found)
    assert list(found) == list(as_record(WHOLE))
