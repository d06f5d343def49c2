# SPDX-License-Identifier: GPL-3.0-or-later
"""Bodies of requests and answers of the handoff API; the OpenAPI document is made from them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.config import JsonDict

from agent.core.asking import Ask, Digits
from agent.core.records import Whereabouts

ENTRIES_AT_MOST: Final = 2000
ENTRY_AT_MOST: Final = 10_000
_LATEST: Final = 253_402_300_799.0  # the end of the year 9999, the last that ISO 8601 writes with four digits
_EARLIEST: Final = -86_400.0  # the first day of 1970, wherever it begins first
# ISO 8601, the years 1970 to 2999; without a zone it is UTC.
_TIME: Final = (
    "^(19[7-9][0-9]|2[0-9]{3})-"
    "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))"
    "T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?$"
)
_NAMES_A_CALL: Final[JsonDict] = {
    "anyOf": [
        {"required": [name], "properties": {name: {"pattern": "[^\\s]"}}}
        for name in ("call_id", "contact_id")
    ]
}

_ONE_LINE: Final = r"^[^\x00-\x1f\x7f]*$"
Id = Annotated[str, StringConstraints(max_length=256, strip_whitespace=True, pattern=_ONE_LINE), Digits]
"""An id: one line of at most 256 characters."""
_Line = Annotated[str, StringConstraints(pattern=_ONE_LINE)]
_Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]  # PostgreSQL stores no NUL


def _time(value: object) -> object:
    """Seconds since the epoch from those, or from an ISO 8601 time; one without a zone is taken for UTC."""
    if isinstance(value, str):
        try:
            time = datetime.fromisoformat(value)
            seconds = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            raise ValueError("is no time: write 2026-01-31T12:00:00.250Z or seconds since 1970") from None
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value) if abs(value) <= _LATEST else math.inf
    else:
        raise ValueError("is no time: write 2026-01-31T12:00:00.250Z or seconds since 1970")  # noqa: TRY004 - pydantic wants it
    if not _EARLIEST <= seconds <= _LATEST:
        raise ValueError("lies before 1970 or after 9999")
    return seconds


Time = Annotated[
    float,
    BeforeValidator(_time),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": _TIME, "examples": ["2026-01-31T12:00:00.250Z"]},
                {"type": "number", "minimum": _EARLIEST, "maximum": _LATEST},
            ]
        }
    ),
]


class _Named(BaseModel):
    """Says which call is meant."""

    call_id: Id = Field(default="", description="Id of the call, as in the INVITE's X-Call-Id header.")
    contact_id: Id = Field(
        default="", description="Contact id, instead of call_id; the newest call with it is meant."
    )

    @model_validator(mode="after")
    def _names_a_call(self) -> Self:
        if not self.call_id and not self.contact_id:
            raise ValueError("call_id or contact_id is needed")
        return self


class HandoffRequest(Ask, _Named):
    """What the voice agent says when it hands the caller back.

    Numbers are taken for texts; of ids and skill, whole ones.
    """

    model_config = ConfigDict(json_schema_extra=_NAMES_A_CALL)

    destination: _Line = Field(default="", max_length=256, description="{destination} of the templates.")
    skill: Annotated[_Line, Digits] = Field(
        default="", max_length=256, description="{skill} of the templates."
    )
    reason: _Text = Field(default="", max_length=2000, description="{reason} of the templates.")
    shared_id: Id = Field(default="", description="Key of your own under which handoff_state finds it.")


class TranscriptEntry(BaseModel):
    """What one of the two said."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    who: Literal["bot", "patron"] = Field(description="bot: the voice agent; patron: the caller.")
    text: str = Field(max_length=ENTRY_AT_MOST, description="What was said; an empty one is left out.")
    at: Time | None = Field(default=None, description="When; ISO 8601, or seconds since 1970.")


class TranscriptRequest(_Named):
    """What was said in a call, for NICE's transcript store; posted once per contact."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        coerce_numbers_to_str=True,
        hide_input_in_errors=True,
        json_schema_extra=_NAMES_A_CALL,
    )

    completion: Literal["contained", "escalated"] = Field(
        default="contained", description="escalated: a human went on; contained: none was needed."
    )
    details: str = Field(default="", max_length=2000, description="Why it ended so.")
    summary: str = Field(default="", max_length=10_000, description="What it was about.")
    entries: tuple[TranscriptEntry, ...] = Field(
        default=(), max_length=ENTRIES_AT_MOST, description="In the order in which it was said."
    )


SignalStanding = Literal[
    "unsignalled", "recorded", "sending", "accepted", "unknown", "refused", "expired", "cancelled"
]


class TranscriptAnswer(BaseModel):
    """The transcript is on disk; it is posted to NICE from there."""

    id: str = Field(description="Id of the transcript among the entries of the outbox.")
    state: str = Field(description="Where it stands.")


class FieldWarning(BaseModel):
    """A parameter of the signal that did not go out as it was meant."""

    field: str = Field(description="p1 to p9.")
    warning: str = Field(description="What became of it, with its size in bytes of UTF-8.")


class HandoffAnswer(BaseModel):
    """The handoff is on disk, and readable."""

    id: str = Field(description="Id of the handoff.")
    state: SignalStanding = Field(description="Where its signal stands.")
    caller: Whereabouts = Field(
        description="Where the caller is: still with the voice_agent, on_the_way, bridged to a queue, kept "
        "by the voice agent because the signal failed, or gone back to CXone."
    )
    warnings: list[FieldWarning] = Field(
        default=[], description="What was cut of p1 to p9, by name; absent where nothing was."
    )


class AttemptAnswer(BaseModel):
    """One try to signal; times are seconds since the epoch."""

    began: float
    ended: float
    outcome: str
    status: int | None
    detail: str


class HandoffStatus(BaseModel):
    """Where a handoff's signal stands; ``unsignalled`` when the project sends none at a handoff."""

    id: str
    call_id: str
    contact_id: str
    state: SignalStanding
    caller: Whereabouts
    attempts: list[AttemptAnswer]


class HandoffState(BaseModel):
    """What the voice agent said at the handoff, in the form of PolyAI's Handoff API."""

    id: str
    data: dict[str, Any]
    shared_id: str | None = None


class FieldError(BaseModel):
    """One field that can't be used."""

    field: str
    error: str


class ErrorAnswer(BaseModel):
    """Why a request was not served."""

    error_message: str


class ConflictAnswer(ErrorAnswer):
    """Why a call can't be handed off; error_message names the terminal moment that came before."""

    id: str = Field(default="", description="Id of the handoff that came before; absent where none was made.")


class FieldsAnswer(ErrorAnswer):
    """Why a request was not served, and the fields of its body or query that it lies with."""

    fields: list[FieldError]
