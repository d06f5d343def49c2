# SPDX-License-Identifier: GPL-3.0-or-later
"""Bodies of requests and answers of the handoff API; the OpenAPI document is made from them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Parameter = Literal["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"]
_Key = Annotated[str, StringConstraints(max_length=256, strip_whitespace=True)]


class HandoffRequest(BaseModel):
    """What the voice agent says when it hands the caller back. Numbers are taken for texts."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, coerce_numbers_to_str=True, hide_input_in_errors=True
    )

    call_id: _Key = Field(default="", description="Id of the call, as in the INVITE's X-Call-Id header.")
    contact_id: _Key = Field(
        default="", description="Contact id, instead of call_id; the newest live call is meant."
    )
    destination: str = Field(default="", max_length=256, description="{destination} of the templates.")
    skill: str = Field(default="", max_length=256, description="{skill} of the templates.")
    reason: str = Field(default="", max_length=2000, description="{reason} of the templates.")
    parameters: dict[Parameter, Annotated[str, Field(max_length=32_000)]] = Field(
        default_factory=dict, description="Values that replace those of the project's templates."
    )
    data: dict[str, Any] = Field(
        default_factory=dict, description="Free object for the desktop, given back by handoff_state."
    )
    shared_id: _Key = Field(default="", description="Key of your own under which handoff_state finds it.")

    @model_validator(mode="after")
    def _names_a_call(self) -> Self:
        if not self.call_id and not self.contact_id:
            raise ValueError("call_id or contact_id is needed")
        return self


class HandoffAnswer(BaseModel):
    """The handoff is on disk, and readable."""

    id: str = Field(description="Id of the handoff.")
    state: str = Field(description="Where its signal stands.")


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
    state: Literal[
        "unsignalled", "recorded", "sending", "accepted", "unknown", "refused", "expired", "cancelled"
    ]
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
    fields: list[FieldError] | None = None
