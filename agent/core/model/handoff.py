# SPDX-License-Identifier: GPL-3.0-or-later
"""projects/*.yaml, handoff: how a voice agent may ask, and how the caller goes back to CXone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from agent.core.frozen import FrozenDict
from agent.core.methods import Method, OnFailure
from agent.core.model.base import (
    Duration,
    FreeHeader,
    Frozen,
    HeaderName,
    Listed,
    Model,
    SipTarget,
    Span,
    Template,
    Text,
    misplaced,
)
from agent.core.model.targets import Target

PARAMETERS = tuple(f"p{number}" for number in range(1, 10))
"""The keys of a signal's parameters."""
FIELDS = ("destination", "skill", "reason", "shared_id", "data", *PARAMETERS)
"""What a voice agent may say in headers of its BYE or REFER."""

_ASKING_HEADERS = FrozenDict(
    {
        "destination": "X-Handoff-Destination",
        "skill": "X-Handoff-Skill",
        "reason": "X-Handoff-Reason",
        "shared_id": "X-Handoff-Shared-Id",
        "data": "X-Handoff-Data",
    }
)
_TRANSFER_HEADERS = FrozenDict({"X-Contact-Id": "{contact_id}", "X-Call-Id": "{call_id}"})
_ALLOWED = re.compile(r"sip:[^\s@*<>?;]*\*?@(?:\*\.)?[A-Za-z0-9.\-\[\]:]+", re.ASCII)


def _field(value: str) -> str:
    if value not in FIELDS:
        raise ValueError(f"{value!r} is not part of a handoff: expected one of {', '.join(FIELDS)}")
    return value


def _allowed(value: str) -> str:
    if not _ALLOWED.fullmatch(value):
        raise ValueError(f"{value!r} is no pattern: write sip:user@host, sip:45*@host or sip:*@*.example.org")
    return value


class FinishPrompt(Model):
    """Let the voice agent finish its sentence before the script is told."""

    silence: Duration = Field(default=0.4, description="So long without voice on its RTP: it has finished.")
    at_most: Duration = Field(default=8.0, description="The longest that is waited for it.")


@lru_cache(maxsize=4096)
def _only(uri: str) -> tuple[Target, ...]:
    """The one target of a project that names it in short; each of its calls asks for it."""
    return (Target(uri=uri),)


class HandoffSettings(Model):
    """How the caller goes back to CXone."""

    method: Method = Field(
        default=Method.RELEASE,
        strict=False,
        description="release: wait for CXone's BYE, then send ours; refer: REFER the caller to a target; "
        "bridge: dial a target and bridge the caller to it. Where no target takes the caller: release.",
    )
    target: SipTarget | None = Field(
        default=None, description="SIP URI for refer and bridge; short for targets with one entry."
    )
    targets: Annotated[tuple[Target, ...], Listed] = Field(
        default=(), description="Several of them: by priority, by weight within one priority, then failover."
    )
    transfer_headers: Annotated[Mapping[FreeHeader, Template], Frozen] = Field(
        default=_TRANSFER_HEADERS,
        description="Headers of the REFER, and of the INVITE to a target, with placeholders.",
    )
    transfer_timeout: Duration = Field(
        default=30.0,
        description="With refer: how long the outcome of an accepted REFER is waited for (NOTIFY, RFC 3515).",
    )
    deadline: Duration = Field(
        default=3.0, description="The longest that media waits for the signal to be accepted."
    )
    wait_for_bye: Span = Field(
        default=5.0, description="How long CXone's BYE is waited for once the caller was given back."
    )
    comfort_audio: Text = Field(
        default="tone",
        description="What the caller hears meanwhile: tone, silence, or the path of a WAV file (16-bit "
        "PCM, mono, 8000 to 48000 samples a second).",
    )
    finish_prompt: FinishPrompt | None = Field(
        default=None,
        description="Wait until the voice agent has fallen silent before the signal leaves; absent: do not.",
    )
    on_signal_failure: OnFailure = Field(
        default=OnFailure.RELEASE,
        strict=False,
        description="When the signal was not accepted in time. release: the caller goes back by method all "
        "the same; refer: by REFER to a target; keep: the caller stays with the voice agent, which is told.",
    )
    headers: Annotated[Mapping[Annotated[str, AfterValidator(_field)], HeaderName], Frozen] = Field(
        default=_ASKING_HEADERS,
        description="Headers of the voice agent's BYE or REFER that ask for a handoff: destination, skill, "
        "reason, shared_id, data, p1..p9 and the header of each. A BYE with none of them is completed.",
    )
    refer_to_allowed: Annotated[tuple[Annotated[str, AfterValidator(_allowed)], ...], Listed] = Field(
        default=(),
        description="Where a voice agent's REFER may send the caller with refer and bridge, instead of "
        "target: sip:user@host, sip:45*@host, sip:*@*.example.org. What it names else is never dialled.",
    )

    @property
    def all_targets(self) -> tuple[Target, ...]:
        """The targets, the short form included."""
        return self.targets if self.target is None else _only(self.target)

    @property
    def longest_decision(self) -> float:
        """How long it may take, in seconds, until it is known who has the caller; 0 where that is certain."""
        if self.on_signal_failure is not OnFailure.KEEP:
            return 0.0
        return self.deadline + (self.finish_prompt.at_most if self.finish_prompt else 0.0) + 1.0

    @model_validator(mode="after")
    def _target_where_needed(self) -> Self:
        if self.target is not None and self.targets:
            raise misplaced("target and targets are both set: leave one out", "target")
        if not self.all_targets and self.method.needs_target:
            raise misplaced(f"method {self.method} needs a target: add target: sip:…", "method")
        if not self.all_targets and self.on_signal_failure is OnFailure.REFER:
            raise misplaced("refer needs a target: add target: sip:…", "on_signal_failure")
        return self
