# SPDX-License-Identifier: GPL-3.0-or-later
"""agent.yaml: traces of calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from agent.core.frozen import NOTHING
from agent.core.model.base import Frozen, HeaderName, Model, Secret
from agent.core.model.share import Share


def _endpoint(value: str) -> str:
    url = urlsplit(value)
    if url.scheme not in ("http", "https") or not url.hostname or url.username or url.password:
        raise ValueError(f"{value!r} is no OTLP/HTTP endpoint: write http://collector:4318/v1/traces")
    if url.path in ("", "/"):
        raise ValueError(f"{value!r} has no path: write {value.rstrip('/')}/v1/traces")
    return value


class Traces(Model):
    """One trace a call over OTLP/HTTP (protobuf); needs the extra otel."""

    endpoint: Annotated[str, AfterValidator(_endpoint)] = Field(
        description="Where spans go: the whole URL of an OTLP/HTTP receiver, such as "
        "http://collector:4318/v1/traces."
    )
    headers: Annotated[Mapping[HeaderName, Secret], Frozen] = Field(
        default=NOTHING, description="Headers of each request, such as an authorization; references only."
    )
    sample: Share = Field(
        default=1.0,
        description="How many calls are traced. Which ones follows from the call id: all that see it agree.",
    )
    join: bool = Field(
        default=True,
        description="Whether a call whose INVITE has a valid traceparent (W3C) is part of that trace, and "
        "traced if that says so, whatever sample says. false: each call is a trace of its own.",
    )
    service: str = Field(default="handoff-agent", min_length=1, description="service.name of the resource.")
