# SPDX-License-Identifier: GPL-3.0-or-later
"""projects/*.yaml, cxone: the NICE CXone tenant of a project and how it is asked."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from agent.core.hosts import allowed
from agent.core.model.base import Count, Duration, Listed, Model, Secret, Text, misplaced
from agent.core.units import is_host_name, is_ip

_VERSION = re.compile(r"v[0-9]{1,3}\.[0-9]{1,3}", re.ASCII)


def _host(value: str) -> str:
    name = value.removeprefix("*.")
    if not is_host_name(name) and not is_ip(value):
        raise ValueError(f"{value!r} is not a host: write api.example.org, or *.example.org for all below it")
    return value.rstrip(".").lower()


def _version(value: str) -> str:
    if not _VERSION.fullmatch(value):
        raise ValueError(f"{value!r} is not a version: write one such as v30.0")
    return value


class Transcripts(Model):
    """How transcripts are posted to CXone (TMS)."""

    vendor_id: Text = Field(description="vendorId that NICE gave.")
    virtual_agent_id: Text = Field(description="virtualAgentId, as it is called in CXone.")


class CxoneTenant(Model):
    """One business unit of NICE CXone and the access key for it."""

    allow_hosts: Annotated[tuple[Annotated[str, AfterValidator(_host)], ...], Listed] = Field(
        default=(),
        description="Hosts besides NICE's own that the issuer and the API may live on; *.example.org for all "
        "below it.",
    )
    issuer: Text = Field(
        default="https://cxone.niceincontact.com",
        description="Token service: https on one of NICE's hosts or of allow_hosts; plain http for "
        "loopback only.",
    )
    business_unit: Text = Field(description="Business unit (tenant) number, in quotes.")
    client_id: Text = Field(description="OAuth client id.")
    client_secret: Secret = Field(description="Its secret.")
    access_key_id: Text = Field(description="Access key id of the CXone user that signals.")
    access_key_secret: Secret = Field(description="Its secret.")
    api_version: Annotated[str, AfterValidator(_version)] = Field(
        default="v30.0", description="Version of the Signal API."
    )
    parameters: Literal["body", "query", "mixed"] = Field(
        default="body",
        description="Where p1..p9 go: JSON body, query, or mixed (what is empty or short in the query, "
        "the rest in the body).",
    )
    token_endpoint_auth: Literal["basic", "post"] = Field(
        default="basic",
        description="How client id and secret go to the token endpoint: Basic header, or in the form.",
    )
    percent_encode_credentials: bool = Field(
        default=False,
        description="Percent-encode client id and secret in the Basic header (RFC 6749 section 2.3.1).",
    )
    timeout: Duration = Field(default=10.0, description="Time for one request.")
    transcripts: Transcripts | None = Field(
        default=None,
        description="Post transcripts of voice agents to CXone, under the master contact id; absent: "
        "transcripts are refused.",
    )
    parameter_limit: Count = Field(
        default=2000, description="Longest value of p1..p9 in bytes; longer ones are cut."
    )

    @model_validator(mode="after")
    def _issuer_is_allowed(self) -> Self:
        objection = allowed(self.issuer, self.allow_hosts)
        if objection is not None:
            raise misplaced(objection, "issuer")
        object.__setattr__(self, "issuer", self.issuer.rstrip("/"))
        return self
