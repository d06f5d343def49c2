# SPDX-License-Identifier: GPL-3.0-or-later
"""projects/*.yaml: a project with its voice agent, CXone tenant, signals and way of handing off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from agent.core.frozen import NOTHING
from agent.core.hosts import loopback
from agent.core.model.base import (
    Count,
    Duration,
    FreeHeader,
    Frozen,
    Listed,
    Model,
    Name,
    Secret,
    Source,
    Template,
    misplaced,
)
from agent.core.model.cxone import CxoneTenant
from agent.core.model.handoff import PARAMETERS, HandoffSettings
from agent.core.model.keys import ApiKeys
from agent.core.model.synthetic import Synthetic
from agent.core.model.targets import Probe, Target
from agent.core.model.templates import UNKNOWN_BEFORE_HANDOFF, parse_template
from agent.core.moments import Moment


def _parameter(value: str) -> str:
    if value not in PARAMETERS:
        raise ValueError(f"{value!r} is not a parameter: a signal has p1 to p9")
    return value


def _x_header(value: str) -> str:
    if not value.lower().startswith("x-"):
        raise ValueError(f"{value} can't be read by a CXone script: choose a name that starts with X-")
    return value


def _webhook_url(value: str) -> str:
    url = urlsplit(value)
    if url.scheme not in ("http", "https") or not url.hostname or url.username or url.password:
        raise ValueError(f"{value!r} is no usable URL: write https://host/path")
    if url.scheme == "http" and not loopback(url.hostname):
        raise ValueError(f"{value!r} would go over the network unencrypted: write https://")
    return value


def _moment(value: object) -> object:
    try:
        return Moment(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is not a moment: expected one of {', '.join(Moment)}") from None


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
    sources: Annotated[tuple[Source, ...], Listed] = Field(
        default=(),
        description="Addresses and networks (CIDR) from which its requests inside a call may come, besides "
        "all addresses of its targets and what its Contact names.",
    )
    response_timeout: Duration = Field(
        default=4.0,
        description="A target that says nothing for so long, not even 100 Trying, is given up, and the next "
        "one is tried; so is one that a caller goes back to.",
    )
    trying_timeout: Duration = Field(
        default=10.0,
        description="A target that said 100 Trying, and for so long neither rings nor answers, is given up "
        "if there is another one to try; the last one has the rest of limits.ring.",
    )
    probe: Probe | None = Field(default=None, description="OPTIONS to the targets; none when absent.")


def _each_once(values: tuple[str, ...]) -> tuple[str, ...]:
    if len({*values}) < len(values):
        raise ValueError("one is listed twice: leave one out")
    return values


class Webhook(Model):
    """The customer's own system, told of each handoff, or each call that is over."""

    url: Annotated[str, AfterValidator(_webhook_url)] = Field(
        description="Where each of them is posted as JSON: https, or http on loopback."
    )
    events: Annotated[tuple[Literal["handoff", "call.ended"], ...], Listed, AfterValidator(_each_once)] = (
        Field(
            default=("handoff",),
            min_length=1,
            description="What it is told: handoff, and call.ended with the call's record (docs/records.md).",
        )
    )
    secret: Secret = Field(description="Key of the signature (HMAC-SHA256) in X-Handoff-Signature.")
    timeout: Duration = Field(default=5.0, description="Time for one request.")
    ttl: Duration = Field(default=86400.0, description="How long an unanswered one is tried again.")


class ProjectLimits(Model):
    """What the project may take of the node."""

    calls: Count | None = Field(
        default=None, description="Calls up at the same time; only the node's limit if absent."
    )
    requests_per_second: Count = Field(
        default=500,
        description="Requests to the handoff API, with a burst of twice as many, so that all calls of a node "
        "may hand off at one instant; more get 429.",
    )


XHeader = Annotated[FreeHeader, AfterValidator(_x_header)]
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
    api_key: ApiKeys = Field(
        default=(),
        description="Key for the handoff API (x-api-key), a reference or sha256: with its hash; several in a "
        "list, while one replaces another. Without it the API is closed for the project.",
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
    answer_headers: Annotated[Mapping[XHeader, Template], Frozen] = Field(
        default=NOTHING,
        description="X- headers of our 200 OK, which CXone's script can read, with placeholders for what is "
        "known at that time.",
    )
    webhook: Webhook | None = Field(
        default=None,
        description="The customer's own system that is told of handoffs and ends of calls; none when absent.",
    )
    limits: ProjectLimits = Field(
        default=ProjectLimits(), description="What the project may take of the node."
    )
    synthetic: Synthetic | None = Field(
        default=None,
        description="Test calls to the voice agent that the agent makes by itself; none when absent.",
    )

    @model_validator(mode="after")
    def _answer_headers_are_known_in_time(self) -> Self:
        for header, text in self.answer_headers.items():
            for _, name in parse_template(text):
                if name in UNKNOWN_BEFORE_HANDOFF:
                    raise misplaced(
                        f"{{{name}}} is not known yet when the call is answered: leave it out",
                        "answer_headers",
                        header,
                    )
        return self

    @model_validator(mode="after")
    def _signals_have_a_tenant(self) -> Self:
        if self.signals and self.cxone is None:
            raise misplaced("signals need cxone: add the tenant, or leave signals out", "signals")
        return self
