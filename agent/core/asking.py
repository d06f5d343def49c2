# SPDX-License-Identifier: GPL-3.0-or-later
"""What a voice agent says when it hands the caller back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from agent.core.errors import AgentError

Parameter = Literal["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"]
Key = Annotated[str, StringConstraints(max_length=256, strip_whitespace=True)]
"""An id: at most 256 characters, no space around it."""


class AskError(AgentError, ValueError):
    """What was said can't be used; one line says what is wrong."""


class Ask(BaseModel):
    """What the voice agent says when it hands the caller back. Numbers are taken for texts."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, coerce_numbers_to_str=True, hide_input_in_errors=True
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
    shared_id: Key = Field(default="", description="Key of your own under which handoff_state finds it.")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a REFER says.

    Attributes:
        ask: what goes to the script and the desktop.
        refer_to: the URI of Refer-To without display name and embedded headers; ``""`` where it is no sip:
            or tel: URI. Nothing may dial it that `allowed` has not let through.
    """

    ask: Ask
    refer_to: str = ""
