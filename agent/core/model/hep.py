# SPDX-License-Identifier: GPL-3.0-or-later
"""agent.yaml: SIP messages to a Homer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from agent.core.frozen import NOTHING
from agent.core.model.base import Frozen, Model, Name, Secret
from agent.core.model.share import Share
from agent.core.units import bracketed, host_and_port


def _collector(value: str) -> str:
    scheme, _, rest = value.partition("://")
    if scheme != "udp" or not rest:
        raise ValueError(f"{value!r} is no HEP collector of ours: write udp://homer.example.org:9060")
    host, port = host_and_port(rest)
    if port is None:
        raise ValueError(f"{value!r} has no port: write udp://{bracketed(host)}:9060")
    return value


class Hep(Model):
    """Every SIP message of a call as a HEP3 packet over UDP, for Homer and what else reads it."""

    collector: Annotated[str, AfterValidator(_collector)] = Field(
        description="Where packets go: udp://host:port. They are in clear, SIP over TLS too."
    )
    id: int = Field(default=1, ge=0, le=0xFFFFFFFF, description="Capture agent id: which node it was.")
    key: Secret | None = Field(
        default=None, description="Authentication key of the collector; none when absent."
    )
    sample: Share = Field(
        default=1.0,
        description="How many calls are sent, each from its first message to its last or not at all.",
    )
    projects: Annotated[Mapping[Name, Share], Frozen] = Field(
        default=NOTHING, description="The same for single projects, by their names."
    )
