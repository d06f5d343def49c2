# SPDX-License-Identifier: GPL-3.0-or-later
"""agent.yaml, fleet: the nodes that share a front, and the trunks that calls of theirs leave by."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from agent.core import uris
from agent.core.model.base import Listed, Model, Name, SipTarget, misplaced
from agent.core.units import SIP_PORTS, ip, is_ip


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
        told: dict[str, list[Hashable]] = {
            "name": [node.name for node in self.nodes],
            "sip": [_place(node.sip) for node in self.nodes],
        }
        for key, values in told.items():
            for index in _repeated(values):
                value = getattr(self.nodes[index], key)
                raise misplaced(f"{value} is there twice: each node is listed once", "nodes", index, key)
        return self


def _place(node: str) -> tuple[object, int]:
    """Where a node is, however that is written and whatever it is reached by."""
    uri = uris.sip_uri(node)
    return ip(uri.host), uri.port or SIP_PORTS[uri.transport]


def _repeated(values: Iterable[Hashable]) -> Iterable[int]:
    seen = set[Hashable]()
    for index, value in enumerate(values):
        if value in seen:
            yield index
        seen.add(value)
