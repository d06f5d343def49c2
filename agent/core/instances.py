# SPDX-License-Identifier: GPL-3.0-or-later
"""What agent.yaml means for each of several agents of one folder, and what keeps them from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from agent.core.model import PORTS_PER_CALL, Agent
from agent.core.model.instances import Instances
from agent.core.units import HIGHEST_PORT, SIP_PORTS, Address, Listen, PortRange
from agent.core.uris import sip_uri

_EVERY: Final = {"0.0.0.0": ".", "::": ":"}
"""A host that stands for all addresses of its family, and what is in each of them."""
_LONGEST_NAME: Final = 64
Place = TypeVar("Place", Listen, Address)


class Objection(NamedTuple):
    """What is wrong, and the path where it belongs."""

    text: str
    path: tuple[str | int, ...]


class _Listener(NamedTuple):
    """What an instance listens on, where agent.yaml says so, and which step leads there."""

    protocol: str
    address: Listen | Address
    path: tuple[str | int, ...]
    step: str


# -- what is derived -----------------------------------------------------------------------------------------


def overlay(agent: Agent, number: int) -> Agent:
    """What agent.yaml means for an instance.

    Args:
        agent: agent.yaml, which has instances and no `objections`.
        number: of the instance, from 1 to its `instances.count`.

    Returns:
        The same with a name, ports and files of its own. The first one listens where agent.yaml says.
    """
    instances = agent.instances or Instances(count=number)
    listen = tuple(moved(one, instances.sip, number) for one in agent.sip.listen)
    ports = slice_of(agent.media.rtp_ports, instances, number)
    http = {key: moved(getattr(agent.http, key), instances.http, number) for key in ("api", "operations")}
    changed: dict[str, object] = {
        "node": named(agent.node, number),
        "sip": agent.sip.model_copy(update={"listen": listen}),
        "media": agent.media.model_copy(update={"rtp_ports": ports}),
        "http": agent.http.model_copy(update=http),
        "storage": storage_of(agent.storage, number),
    }
    if agent.log.file is not None:
        changed["log"] = agent.log.model_copy(update={"file": _own(agent.log.file, number)})
    if agent.audit is not None:
        changed["audit"] = _own(agent.audit, number)
    if agent.capture is not None:
        folder = _own(agent.capture.folder, number)
        changed["capture"] = agent.capture.model_copy(update={"folder": folder})
    return agent.model_copy(update=changed)


def named(node: str, number: int) -> str:
    """The name of an instance of a node."""
    return f"{node}-{number}"


def moved(place: Place, step: int, number: int) -> Place:
    """Where an instance listens, of where the first one does."""
    return replace(place, port=place.port + (number - 1) * step)


def slice_of(ports: PortRange, instances: Instances, number: int) -> PortRange:
    """An instance's share of the ports for RTP."""
    size = _slice_size(ports, instances)
    low = ports.low + (number - 1) * size
    return PortRange(low, low + size - 1)


def storage_of(storage: str, number: int) -> str:
    """An instance's storage: a SQLite file of its own; PostgreSQL is shared."""
    scheme, _, rest = storage.partition("://")
    return f"{scheme}://{_own(Path(rest), number)}" if scheme == "sqlite" else storage


def _slice_size(ports: PortRange, instances: Instances) -> int:
    return ports.count // instances.count // PORTS_PER_CALL * PORTS_PER_CALL


def _own(path: Path, number: int) -> Path:
    """``agent.db`` is ``agent-2.db`` of instance 2."""
    return path.with_name(f"{path.stem}-{number}{path.suffix}")


# -- what is wrong -------------------------------------------------------------------------------------------


def missing(instances: Instances | None, number: int) -> str | None:
    """Why agent.yaml has no instance of this number; None where it has."""
    if instances is None:
        return f"there is no instance {number}: write instances: {{count: {max(number, 2)}}}"
    if not 1 <= number <= instances.count:
        return f"there is no instance {number}: instances.count is {instances.count}"
    return None


def objections(agent: Agent) -> Iterator[Objection]:
    """What keeps the instances of agent.yaml from running side by side; nothing where there are none."""
    instances = agent.instances
    if instances is None:
        return
    last = named(agent.node, instances.count)
    if len(last) > _LONGEST_NAME:
        text = f"{last}, the last instance's name, is longer than {_LONGEST_NAME} letters: shorten it"
        yield Objection(text, ("node",))
    yield from _too_few_ports(agent, instances)
    beyond = tuple(_beyond(agent, instances))
    yield from beyond
    if not beyond:
        yield from _overlapping(agent, instances)
        yield from _not_in_the_fleet(agent, instances)


def _too_few_ports(agent: Agent, instances: Instances) -> Iterator[Objection]:
    ports, calls = agent.media.rtp_ports, agent.limits.calls
    room = _slice_size(ports, instances) // PORTS_PER_CALL
    if not room:
        yield Objection(
            f"{instances.count} instances can't share the {ports.count} ports of media.rtp_ports {ports}: "
            "widen it",
            ("instances", "count"),
        )
    elif room < calls:
        yield Objection(
            f"{calls} calls need {calls * PORTS_PER_CALL} RTP ports, four a call, but each of "
            f"{instances.count} instances has {room * PORTS_PER_CALL} of media.rtp_ports {ports}: widen it, "
            f"or set limits.calls, which each of them has, to {room}",
            ("limits", "calls") if "calls" in agent.limits.model_fields_set else ("instances", "count"),
        )


def _listeners(agent: Agent, instances: Instances, number: int) -> Iterator[_Listener]:
    for index, one in enumerate(agent.sip.listen):
        protocol = "udp" if one.transport == "udp" else "tcp"
        place = moved(one, instances.sip, number)
        yield _Listener(protocol, place, ("sip", "listen", index), "sip")
    for key in ("api", "operations"):
        yield _Listener("tcp", moved(getattr(agent.http, key), instances.http, number), ("http", key), "http")


def _beyond(agent: Agent, instances: Instances) -> Iterator[Objection]:
    for one in _listeners(agent, instances, instances.count):
        if one.address.port > HIGHEST_PORT:
            yield Objection(
                f"instance {instances.count} would listen on {one.address}, and ports end at {HIGHEST_PORT}: "
                f"write a lower port, or a smaller instances.{one.step}",
                one.path,
            )


def _overlapping(agent: Agent, instances: Instances) -> Iterator[Objection]:
    """What two instances would both listen on, or one and all RTP; each path is blamed once."""
    taken: dict[tuple[str, int], list[tuple[str, int]]] = {}
    blamed = set[tuple[str | int, ...]]()
    for number in range(1, instances.count + 1):
        for one in _listeners(agent, instances, number):
            others = taken.setdefault((one.protocol, one.address.port), [])
            text = _in_the_way(agent.media.rtp_ports, one, number, others)
            if text is not None and one.path not in blamed:
                blamed.add(one.path)
                yield Objection(text, one.path)
            others.append((one.address.host, number))


def _in_the_way(ports: PortRange, one: _Listener, number: int, others: list[tuple[str, int]]) -> str | None:
    if one.protocol == "udp" and ports.low <= one.address.port <= ports.high:
        return f"{one.address} of instance {number} lies in media.rtp_ports {ports}: move one of them"
    for host, other in others:
        if other != number and _meet(host, one.address.host):
            return (
                f"instance {number} would listen on {one.address}, where instance {other} listens: write "
                f"another port, or another step in instances.{one.step}"
            )
    return None


def _meet(one: str, other: str) -> bool:
    """Whether two listeners on one port would be in each other's way."""
    return one == other or any(
        every in (one, other) and sign in one and sign in other for every, sign in _EVERY.items()
    )


def _not_in_the_fleet(agent: Agent, instances: Instances) -> Iterator[Objection]:
    """Where a fleet is listed, each instance is one of its nodes: else no call would come to it."""
    if agent.fleet is None:
        return
    listed = {node.name: (index, node.sip) for index, node in enumerate(agent.fleet.nodes)}
    for number in range(1, instances.count + 1):
        name = named(agent.node, number)
        ports = sorted({moved(one, instances.sip, number).port for one in agent.sip.listen})
        if name not in listed:
            text = f"{name} (instance {number}) is not listed: add {{name: {name}, sip: sip:IP:{ports[0]}}}"
            yield Objection(text, ("fleet", "nodes"))
            continue
        index, sip = listed[name]
        uri = sip_uri(sip)
        if (uri.port or SIP_PORTS[uri.transport]) not in ports:
            text = f"{name} is listed as {sip}, and it listens on port {', '.join(map(str, ports))}"
            yield Objection(text, ("fleet", "nodes", index, "sip"))
