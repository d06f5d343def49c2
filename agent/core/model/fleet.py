# SPDX-License-Identifier: GPL-3.0-or-later
"""agent.yaml, fleet: the nodes that share a front, and the trunks that calls of theirs leave by."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from agent.core import uris
from agent.core.model.base import Listed, Model, Name, SipTarget, misplaced
from agent.core.model.keys import ApiKeys, easy_to_guess, is_hash
from agent.core.units import SIP_PORTS, ip, is_ip

_PORTS = {"http": 80, "https": 443}


def _node_uri(value: str) -> str:
    uri = uris.sip_uri(value)
    if uri.user or not is_ip(uri.host):
        raise ValueError(f"{value!r} is no node: write its IP address, sip:10.0.0.11:5060")
    return value


def _listener(value: str) -> str:
    try:
        url = urlsplit(value)
        usable = url.scheme in _PORTS and url.hostname and url.port != 0 and not url.username
    except ValueError:
        usable = False
    if not usable or value != f"{url.scheme}://{url.netloc}" or "@" in url.netloc:
        raise ValueError(
            "this is no listener of a node: write http(s)://, its host and port, nothing after them: "
            "https://edge-1.example.net:8080"
        )
    return value


def _shown_to_others(keys: ApiKeys) -> ApiKeys:
    if any(map(is_hash, keys)):
        raise ValueError(
            "nodes show it to one another, a hash is not enough: write ${env:NAME} or ${file:/path}"
        )
    if any(map(easy_to_guess, keys)):
        raise ValueError(
            "the token is easy to guess: take 12 random characters or more (openssl rand -hex 16)"
        )
    return keys


NodeUri = Annotated[SipTarget, AfterValidator(_node_uri)]
Listener = Annotated[str, AfterValidator(_listener)]


class FleetNode(Model):
    """One agent behind the front."""

    name: Name = Field(description="Its `node`.")
    sip: NodeUri = Field(description="Where the front reaches it: sip:, an IP address and a port.")
    weight: int = Field(
        default=1, ge=1, le=100, description="Its share of new calls, beside the others' weights."
    )
    api: Listener | None = Field(
        default=None,
        description="Where the other nodes reach its handoff API (`http.api`): http:// or https://, host and "
        "port. What is asked about a call of this node is forwarded there; 503 where it is absent.",
    )
    operations: Listener | None = Field(
        default=None,
        description="Where the other nodes, and operators' browsers, reach its operations listener "
        "(`http.operations`), for calls of all nodes and `handoff-agent rollout`.",
    )


class Fleet(Model):
    """All nodes of a fleet, the same on each of them; see `handoff-agent kamailio`."""

    nodes: Annotated[tuple[FleetNode, ...], Listed] = Field(min_length=1, description="The agents.")
    token: Annotated[ApiKeys, AfterValidator(_shown_to_others)] = Field(
        default=(),
        description="What nodes show one another to be known: a reference, the same on all; several in a "
        "list, of which the first is shown and each is known, while one replaces another. Needed where api "
        "or operations of a node is named.",
    )
    trunks: Annotated[tuple[SipTarget, ...], Listed] = Field(
        default=(),
        description="SIP URIs by which calls of agents to the front itself go on: a queue's trunk.",
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        told: dict[str, Sequence[Hashable | None]] = {
            "name": [node.name for node in self.nodes],
            "sip": [_place(node.sip) for node in self.nodes],
            "api": [_endpoint(node.api) for node in self.nodes],
            "operations": [_endpoint(node.operations) for node in self.nodes],
        }
        for key, values in told.items():
            for index in _repeated(values):
                value = getattr(self.nodes[index], key)
                raise misplaced(f"{value} is there twice: each node is listed once", "nodes", index, key)
        for index, pair in enumerate(zip(told["api"], told["operations"], strict=True)):
            if pair[0] is not None and pair[0] == pair[1]:
                raise misplaced("api and operations are listeners of their own", "nodes", index, "operations")
        return self

    @model_validator(mode="after")
    def _known_to_one_another(self) -> Self:
        for index, node in enumerate(self.nodes):
            key = "api" if node.api else "operations"
            if getattr(node, key) and not self.token:
                raise misplaced(
                    f"nodes that ask one another need fleet.token: write ${{file:/path}} or ${{env:NAME}}, "
                    f"or leave {key} out",
                    "nodes",
                    index,
                    key,
                )
        return self

    def node(self, name: str) -> FleetNode | None:
        """The node of that name."""
        return next((node for node in self.nodes if node.name == name), None)


def _place(node: str) -> tuple[object, int]:
    """Where a node is, however that is written and whatever it is reached by."""
    uri = uris.sip_uri(node)
    return ip(uri.host), uri.port or SIP_PORTS[uri.transport]


def _endpoint(url: str | None) -> tuple[str, int] | None:
    if url is None:
        return None
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), parts.port or _PORTS[parts.scheme]


def _repeated(values: Iterable[Hashable | None]) -> Iterable[int]:
    seen = set[Hashable]()
    for index, value in enumerate(values):
        if value is None:
            continue
        if value in seen:
            yield index
        seen.add(value)
