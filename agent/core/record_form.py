# SPDX-License-Identifier: GPL-3.0-or-later
"""The form in which a call that is over leaves the agent: in record files, exports, webhooks. Pure.

One table says what each field is; the JSON object, its JSON Schema, the columns of CSV and Parquet and
docs/records.md follow from it, and tests hold them together.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self, TypeAlias

from agent.core.instants import iso
from agent.core.quality import LegQuality, as_object
from agent.core.reasons import End, Reason
from agent.core.records import CallRecord, Handoff, Way
from agent.core.sides import Side
from agent.core.words import Word

VERSION: Final = 1
"""Of the form. A new field does not change it; one that goes, or comes to mean something else, does."""
Object: TypeAlias = dict[str, Any]


class Kind(Word):
    """What a field holds."""

    TEXT = "text"
    TIME = "time"
    SECONDS = "seconds"
    COUNT = "count"
    NUMBER = "number"


class Field(NamedTuple):
    """One field; `values` are all that a text may be, where they are few.

    One that is added after the first release is a `later` one: older lines have none, and fit all the same.
    """

    name: str
    kind: Kind
    meaning: str
    may_be_null: bool = False
    values: tuple[str, ...] = ()
    later: bool = False


@dataclass(frozen=True, slots=True)
class HandoffFacts:
    """What a record says of a handoff; see `agent.core.records.Handoff`."""

    handoff_id: str
    asked: float
    destination: str
    skill: str
    reason: str
    shared_id: str
    way: str

    @classmethod
    def of(cls, handoff: Handoff) -> Self:
        """The facts of a handoff."""
        return cls(
            handoff.handoff_id,
            handoff.asked,
            handoff.destination,
            handoff.skill,
            handoff.reason,
            handoff.shared_id,
            handoff.way.value,
        )


@dataclass(frozen=True, slots=True)
class Finished:
    """A call that is over.

    Attributes:
        call: the call.
        handoff: what the voice agent asked for, if it did.
        number: the call's among those that its node ended; None for one that was over before they had any.
    """

    call: CallRecord
    handoff: HandoffFacts | None = None
    number: int | None = None


CALL: Final = (
    Field("version", Kind.COUNT, "Of this form: 1."),
    Field(
        "sequence",
        Kind.COUNT,
        "Grows with each call that this node ended; null in a webhook, and for a call that was over before "
        "the storage numbered them.",
        may_be_null=True,
    ),
    Field("call_id", Kind.TEXT, "Ours; no other call has it."),
    Field("sip_call_id", Kind.TEXT, "The Call-ID of the caller's leg."),
    Field("contact_id", Kind.TEXT, "NICE's; empty where the caller's INVITE had none."),
    Field("master_id", Kind.TEXT, "NICE's master contact; empty likewise."),
    Field("node", Kind.TEXT, "The node that took the call; another one wrote this where that one died."),
    Field("carrier", Kind.TEXT, "Who sent it."),
    Field("account", Kind.TEXT, "The project's account."),
    Field("project", Kind.TEXT, "The project that took it."),
    Field("number", Kind.TEXT, "The number that was called, in full."),
    Field("began", Kind.TIME, "The INVITE."),
    Field("answered", Kind.TIME, "Our 200; null where the caller got none.", may_be_null=True),
    Field("ended", Kind.TIME, "The end; of a call whose process died, when that was found."),
    Field("setup_seconds", Kind.SECONDS, "INVITE to our 200.", may_be_null=True),
    Field("talk_seconds", Kind.SECONDS, "Our 200 to the end; 0 where there was none."),
    Field("end", Kind.TEXT, "How it ended.", values=tuple(str(end.value) for end in End)),
    Field("reason", Kind.TEXT, "Why.", values=tuple(str(reason.value) for reason in Reason)),
)
"""Of the call itself."""
HANDOFF: Final = (
    Field("id", Kind.TEXT, "Of the handoff."),
    Field("asked", Kind.TIME, "When the voice agent asked for it."),
    Field("way", Kind.TEXT, "How it asked.", values=tuple(way.value for way in Way)),
    Field("destination", Kind.TEXT, "What it said; empty where it said none, as with the next three."),
    Field("skill", Kind.TEXT, "The same."),
    Field("reason", Kind.TEXT, "The same."),
    Field("shared_id", Kind.TEXT, "The same."),
)
"""Of ``handoff``, which is null where the voice agent asked for none."""
LEG: Final = (
    Field("side", Kind.TEXT, "Whose leg.", values=tuple(side.value for side in Side)),
    Field("codec", Kind.TEXT, "That was agreed on, the last one, as SDP writes it; empty: not known."),
    Field("path", Kind.TEXT, "How audio went across: `relay`, `mix`; empty where it never did."),
    Field("received", Kind.COUNT, "RTP packets that came."),
    Field("sent", Kind.COUNT, "RTP packets that went out."),
    Field("lost", Kind.COUNT, "Of those that should have come."),
    Field("lost_by_peer", Kind.COUNT, "Of ours, by the far end's reports (RTCP)."),
    Field(
        "discarded",
        Kind.COUNT,
        "Came and were of no use: too late, of another payload type; null: not counted.",
        may_be_null=True,
    ),
    Field("strays", Kind.COUNT, "From elsewhere, dropped (`media.latch`)."),
    Field("jitter", Kind.SECONDS, "Mean."),
    Field(
        "round_trip", Kind.SECONDS, "Mean; null where no report of the far end tells it.", may_be_null=True
    ),
    Field(
        "longest_gap",
        Kind.SECONDS,
        "Without a packet, where audio went both ways; null: there was no time to measure.",
        may_be_null=True,
    ),
    Field(
        "mos",
        Kind.NUMBER,
        "Estimate of listening quality for what came, 1 to 4.5; null where nothing came or the codec is not "
        "known.",
        may_be_null=True,
    ),
)
"""Of each of ``legs``: those that had any RTP, in the order in which they ended."""

_JSON_TYPES: Final = {
    Kind.TEXT: "string",
    Kind.TIME: "string",
    Kind.SECONDS: "number",
    Kind.COUNT: "integer",
    Kind.NUMBER: "number",
}
_LONGEST_FRACTION: Final = 6


def as_record(finished: Finished) -> Object:
    """The JSON object."""
    call = finished.call
    ended = call.began if call.ended is None else call.ended
    answered = call.answered
    return {
        "version": VERSION,
        "sequence": finished.number,
        "call_id": call.call_id,
        "sip_call_id": call.sip_call_id,
        "contact_id": call.contact_id,
        "master_id": call.master_id,
        "node": call.node,
        "carrier": call.carrier,
        "account": call.account,
        "project": call.project,
        "number": call.number,
        "began": iso(call.began),
        "answered": None if answered is None else iso(answered),
        "ended": iso(ended),
        "setup_seconds": None if answered is None else _span(call.began, answered),
        "talk_seconds": 0.0 if answered is None else _span(answered, ended),
        "end": call.end,
        "reason": call.reason,
        "handoff": None if finished.handoff is None else _handoff(finished.handoff),
        "legs": [_leg(leg) for leg in call.legs],
    }


def as_line(finished: Finished) -> str:
    """The same as a line of a file, in ASCII: a text of others may hold what is no valid Unicode."""
    return json.dumps(as_record(finished), separators=(",", ":")) + "\n"


def _span(began: float, ended: float) -> float:
    return round(max(0.0, ended - began), 3)  # a clock may have been set back


def _handoff(facts: HandoffFacts) -> Object:
    return {
        "id": facts.handoff_id,
        "asked": iso(facts.asked),
        "way": facts.way,
        "destination": facts.destination,
        "skill": facts.skill,
        "reason": facts.reason,
        "shared_id": facts.shared_id,
    }


def _leg(leg: LegQuality) -> Object:
    told = as_object(leg)
    for field in ("jitter", "round_trip", "longest_gap"):
        if told[field] is not None:
            told[field] = round(told[field], _LONGEST_FRACTION)
    return told


# -- flat: CSV and Parquet -----------------------------------------------------------------------------------

SIDES: Final = tuple(side.value for side in Side)


def columns() -> tuple[Field, ...]:
    """The columns of a flat form: a call's, ``handoff_…``, ``caller_…``, ``agent_…``, ``target_…``."""
    return (
        *CALL,
        *(_inside("handoff", field) for field in HANDOFF),
        *(_inside(side, field) for side in SIDES for field in LEG if field.name != "side"),
    )


def as_row(record: Mapping[str, Any]) -> list[Any]:
    """The values of `columns` of a JSON object; of two legs on one side the later one counts."""
    handoff: Mapping[str, Any] = record["handoff"] or {}
    legs: dict[str, Mapping[str, Any]] = {leg["side"]: leg for leg in record["legs"]}
    return [
        *(record[field.name] for field in CALL),
        *(handoff.get(field.name) for field in HANDOFF),
        *(legs.get(side, {}).get(field.name) for side in SIDES for field in LEG if field.name != "side"),
    ]


def _inside(stem: str, field: Field) -> Field:
    return field._replace(name=f"{stem}_{field.name}", may_be_null=True)


# -- JSON Schema ---------------------------------------------------------------------------------------------


def json_schema() -> Object:
    """The JSON Schema (draft 2020-12) of one line."""
    schema = _object(CALL, "A call that is over.")
    schema["properties"] |= {
        "handoff": {
            "anyOf": [_object(HANDOFF, "What the voice agent asked for."), {"type": "null"}],
            "description": "What the voice agent asked for; null where it asked for nothing.",
        },
        "legs": {
            "type": "array",
            "items": _object(LEG, "A leg."),
            "description": "Legs that had any RTP, in the order in which they ended.",
        },
    }
    schema["required"] += ["handoff", "legs"]
    schema["properties"]["version"] = {"const": VERSION, "description": "Of this form."}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"handoff-agent call record, version {VERSION}",
        **schema,
    }


def _object(fields: Iterable[Field], description: str) -> Object:
    known = tuple(fields)
    return {
        "type": "object",
        "description": description,
        "properties": {field.name: _property(field) for field in known},
        "required": [field.name for field in known if not field.later],
    }


def _property(field: Field) -> Object:
    kind = _JSON_TYPES[field.kind]
    made: Object = {"type": [kind, "null"] if field.may_be_null else kind}
    if field.kind is Kind.TIME:
        made["format"] = "date-time"
    if field.kind in (Kind.COUNT, Kind.SECONDS):
        made["minimum"] = 0
    if field.values:
        made["enum"] = list(field.values)
    made["description"] = field.meaning
    return made
