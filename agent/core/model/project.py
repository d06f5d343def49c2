# SPDX-License-Identifier: GPL-3.0-or-later
"""projects/*.yaml: a project with its voice agent, CXone tenant, signals and way of handing off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from agent.core.frozen import NOTHING
from agent.core.model.base import (
    Count,
    Duration,
    FreeHeader,
    Frozen,
    Listed,
    Model,
    Name,
    Secret,
    SipTarget,
    Span,
    Template,
    Text,
    misplaced,
)
from agent.core.model.cxone import CxoneTenant
from agent.core.moments import Moment
from agent.core.uris import SipUri, sip_uri

PARAMETERS = tuple(f"p{number}" for number in range(1, 10))
"""The keys of a signal's parameters."""


def _parameter(value: str) -> str:
    if value not in PARAMETERS:
        raise ValueError(f"{value!r} is not a parameter: a signal has p1 to p9")
    return value


def _moment(value: object) -> object:
    try:
        return Moment(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is not a moment: known are {', '.join(Moment)}") from None


class Target(Model):
    """One SIP address of the voice agent."""

    uri: SipTarget = Field(description="sip:user@host:port, with ;transport=tcp or tls if wanted.")
    priority: int = Field(
        default=1, ge=0, le=65535, description="Lower ones are tried first (as in RFC 2782)."
    )
    weight: int = Field(
        default=1, ge=1, le=65535, description="Share of the calls among targets of one priority."
    )

    @property
    def address(self) -> SipUri:
        """The URI, taken apart."""
        return sip_uri(self.uri)


class Probe(Model):
    """OPTIONS sent to the targets, so that calls avoid those that are down."""

    every: Duration = Field(default=10.0, description="Time between two OPTIONS.")
    fail: Count = Field(default=3, description="So many without answer in a row: the target is down.")
    recover: Count = Field(default=2, description="So many answered in a row: it is up again.")


class VoiceAgent(Model):
    """The voice agent and how it is dialled."""

    targets: Annotated[tuple[Target, ...], Listed] = Field(
        min_length=1,
        description="Where it is dialled: by priority, by weight within one priority, then failover.",
    )
    headers: Annotated[Mapping[FreeHeader, Template], Frozen] = Field(
        default=NOTHING, description="Headers added to the INVITE, with placeholders such as {contact_id}."
    )
    pass_headers: Annotated[tuple[FreeHeader, ...], Listed] = Field(
        default=(), description="Headers of the caller's INVITE that are passed on as they are."
    )
    response_timeout: Duration = Field(
        default=4.0,
        description="A target without any response for so long is given up, and the next one is tried.",
    )
    probe: Probe | None = Field(default=None, description="OPTIONS to the targets; none when absent.")


class HandoffSettings(Model):
    """How the caller goes back to CXone."""

    method: Literal["release", "refer", "bridge"] = Field(
        default="release",
        description="release: wait for CXone's BYE, then send ours; refer: REFER the caller to target; "
        "bridge: dial "
        "target and bridge the caller to it.",
    )
    target: SipTarget | None = Field(default=None, description="SIP URI for refer and bridge.")
    deadline: Duration = Field(
        default=3.0, description="The longest that media waits for the signal to be accepted."
    )
    wait_for_bye: Span = Field(default=5.0, description="With release: how long CXone's BYE is waited for.")
    comfort_audio: Text = Field(
        default="tone",
        description="What the caller hears meanwhile: tone, silence, or the path of a WAV file.",
    )
    on_signal_failure: Literal["release", "refer", "keep"] = Field(
        default="release",
        description="When the signal was not accepted: release the caller all the same, REFER to "
        "target, or keep the "
        "call with the voice agent.",
    )

    @model_validator(mode="after")
    def _target_where_needed(self) -> Self:
        if self.target is None and self.method != "release":
            raise misplaced(f"method {self.method} needs a target: add target: sip:…", "method")
        if self.target is None and self.on_signal_failure == "refer":
            raise misplaced("refer needs a target: add target: sip:…", "on_signal_failure")
        return self


class ProjectLimits(Model):
    """What the project may take of the node."""

    calls: Count | None = Field(
        default=None, description="Calls up at the same time; only the node's limit if absent."
    )


Parameters = Annotated[Mapping[Annotated[str, AfterValidator(_parameter)], Template], Frozen]
Signals = Annotated[Mapping[Annotated[Moment, BeforeValidator(_moment)], Parameters], Frozen]


class Project(Model):
    """projects/*.yaml."""

    project: Name = Field(description="Name of the project, unique on this node.")
    account: Name = Field(description="Account it belongs to; part of the API's paths.")
    environment: Literal["sandbox", "pre-release", "live"] = Field(
        default="live", description="Which environment of the voice agent it is; {environment} in templates."
    )
    token: Secret | None = Field(
        default=None, description="Connector token that calls must carry; none if absent."
    )
    api_key: Secret | None = Field(
        default=None,
        description="Key for the handoff API (x-api-key); without it the API is closed for the project.",
    )
    voice_agent: VoiceAgent = Field(description="The voice agent.")
    cxone: CxoneTenant | None = Field(
        default=None, description="The CXone tenant; without it nothing is signalled."
    )
    signals: Signals = Field(
        default=NOTHING,
        description="Signals by moment (arrival, handoff, completed, failed), each with templates for "
        "p1..p9; no "
        "signal is sent at a moment that is absent.",
    )
    signal_ttl: Duration = Field(default=120.0, description="How long a signal is of use to its contact.")
    repeat_unknown: bool = Field(
        default=False,
        description="Repeat a signal whose fate is unknown (timeout after it was sent); it may run the "
        "script twice.",
    )
    retry_server_faults: bool = Field(
        default=False,
        description="Repeat a signal that was answered with 500, 502 or 504. NICE does not say whether such "
        "an answer had an effect; it may run the script twice.",
    )
    handoff: HandoffSettings = Field(default=HandoffSettings(), description="How the caller goes back.")
    limits: ProjectLimits = Field(
        default=ProjectLimits(), description="What the project may take of the node."
    )

    @model_validator(mode="after")
    def _signals_have_a_tenant(self) -> Self:
        if self.signals and self.cxone is None:
            raise misplaced("signals need cxone: add the tenant, or leave signals out", "signals")
        return self
