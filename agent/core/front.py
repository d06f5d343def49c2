# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Kamailio in front of a fleet is told: its lists, made from the configuration.

See ``deploy/kamailio/kamailio.cfg``, and the pages of Kamailio's modules dispatcher (list file) and
permissions (address file).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from agent.core.instances import moved, named
from agent.core.model import Agent, Snapshot
from agent.core.model.fleet import Fleet, FleetNode
from agent.core.units import bracketed, ip, is_ip, network
from agent.core.uris import sip_uri

_HEAD: Final = "# Made by `handoff-agent kamailio` from the configuration of the fleet; do not edit."
_AGENTS, _TRUNKS = 1, 2
"""Sets of the dispatcher."""
_ASKED = 8
"""Flag of a destination that is asked by OPTIONS over and over; a trunk owes nobody an answer to that."""
_FROM_CARRIERS, _FROM_AGENTS, _FROM_TRUNKS = 1, 2, 3
"""Groups of addresses."""


def host_fleet(agent: Agent) -> Fleet | None:
    """The agents of one host, where agent.yaml has instances and no fleet.

    Returns:
        None where it has no instances, or they listen on all addresses and none of them is named.
    """
    if agent.instances is None:
        return None
    first = min(agent.sip.listen, key=lambda one: ("udp", "tcp", "tls").index(one.transport))
    host = agent.sip.public_address if ip(first.host).is_unspecified else first.host
    if host is None:
        return None
    over = "" if first.transport == "udp" else f";transport={first.transport}"
    nodes = tuple(
        FleetNode(
            name=named(agent.node, number),
            sip=f"sip:{bracketed(host)}:{moved(first, agent.instances.sip, number).port}{over}",
        )
        for number in range(1, agent.instances.count + 1)
    )
    return Fleet(nodes=nodes)


def dispatcher_list(fleet: Fleet) -> str:
    """The text of dispatcher.list: agents by weight, and trunks."""
    return "\n".join((_HEAD, *_destinations(fleet))) + "\n"


def _destinations(fleet: Fleet) -> Iterator[str]:
    yield "# set, destination, flags, priority, attributes"
    for node in fleet.nodes:
        yield f"{_AGENTS} {node.sip} {_ASKED} 0 rweight={node.weight};duid={node.name}"
    for trunk in fleet.trunks:
        yield f"{_TRUNKS} {trunk} 0 0 rweight=1"


def address_list(snapshot: Snapshot, fleet: Fleet) -> str:
    """The text of address.list: who may send what."""
    return "\n".join((_HEAD, *_addresses(snapshot, fleet))) + "\n"


def _addresses(snapshot: Snapshot, fleet: Fleet) -> Iterator[str]:
    yield "# group, address, bits, port (0: any), tag"
    for name, carrier in snapshot.carriers.items():
        for source in carrier.sources:
            yield f"{_FROM_CARRIERS} {source.network_address} {source.prefixlen} 0 {name}"
    for node in fleet.nodes:
        alone = network(sip_uri(node.sip).host)
        yield f"{_FROM_AGENTS} {alone.network_address} {alone.prefixlen} 0 {node.name}"
    for trunk in fleet.trunks:
        host = sip_uri(trunk).host
        if is_ip(host):
            alone = network(host)
            yield f"{_FROM_TRUNKS} {alone.network_address} {alone.prefixlen} 0 trunk"
