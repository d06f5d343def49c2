# SPDX-License-Identifier: GPL-3.0-or-later
"""agent.yaml, instances: several agents of one folder on one host (see `agent.core.instances`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agent.core.model.base import Model

_Step = Annotated[int, Field(ge=1, le=10_000)]


class Instances(Model):
    """How many agents of this folder run on this host, and how far apart their ports are."""

    count: int = Field(
        ge=1,
        le=128,
        description="How many: `run --instance 1` to `--instance COUNT`. Each has an equal slice of "
        "media.rtp_ports.",
    )
    sip: _Step = Field(default=10, description="From one instance's SIP ports to the next one's.")
    http: _Step = Field(
        default=10, description="From one instance's ports of `http.api` and `http.operations` to the next's."
    )
