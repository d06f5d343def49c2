# SPDX-License-Identifier: GPL-3.0-or-later
"""agent.yaml, fleet: the nodes that share a front, and the trunks that calls of theirs leave by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from agent.core import uris
from agent.core.model.base import Listed, Model, Name, SipTarget, misplaced
from agent.core.units import is_ip


def _node_uri(value: str) -> str:
    uri = uris.sip_uri(value)
    if uri.user or not is_ip(uri.host):
        raise ValueError(f"{value!r} is no node: write its IP address, sip:10.0.0.11:5060")
    return value


NodeUri = Annotated[SipTarget, AfterValidator(_node_uri)]


class FleetNode(Model):
    """One agent behind the front."""

    name: Name = Field(description="Its `node`.")
    sip: NodeUri = Field(description="Where the front reaches it: sip:, an IP address and a port.")
    weight: int = Field(
        default=1, ge=1, le=100, description="Its share of new calls, beside the others' weights."
    )


class Fleet(Model):
    """All nodes of a fleet, the same on each of them; see `handoff-agent kamailio`."""

    nodes: Annotated[tuple[FleetNode, ...], Listed] = Field(min_length=1, description="The agents.")
    trunks: Annotated[tuple[SipTarget, ...], Listed] = Field(
        default=(),
        description="SIP URIs by which calls of agents to the front itself go on: a queue's trunk.",
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for key, values in (
            ("name", [node.name for node in self.nodes]),
            ("sip", [node.sip for node in self.nodes]),
        ):
            for index, value in _repeated(values):
                raise misplaced(f"{value} is there twice: each node is listed once", "nodes", index, key)
        return self


def _repeated(values: Iterable[str]) -> Iterable[tuple[int, str]]:
    seen = set[str]()
    for index, value in enumerate(values):
        if value in seen:
            yield index, value
        seen.add(value)
