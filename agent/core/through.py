# SPDX-License-Identifier: GPL-3.0-or-later
"""A test call that comes in by our own edge: what a carrier would send for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from agent.core.errors import AgentError
from agent.core.hosts import loopback
from agent.core.model import Carrier, Project, Snapshot
from agent.core.numbers import normalise
from agent.core.synthetic import MARK, Callee, Order
from agent.core.units import bracketed

_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True, slots=True)
class Way:
    """How a test call gets in.

    Attributes:
        order: the call to make.
        contact_id: the contact that its script would be signalled for.
        told: which carrier it plays and where it goes, in words.
    """

    order: Order
    contact_id: str
    told: str


def through(order: Order, snapshot: Snapshot, project: Project, number: str, contact_id: str) -> Way:
    """The same call, made to a number of this node.

    Args:
        order: the call as it would go straight to the voice agent.
        snapshot: the configuration.
        project: whose number it should be.
        number: that is dialled.
        contact_id: of the contact.

    Raises:
        AgentError: it would not get in, or not to this project; one line says why and what would be right.
    """
    listening = next((one for one in snapshot.agent.sip.listen if one.transport != "tls"), None)
    if listening is None:
        raise AgentError("there is only a tls listener: a call through our own edge needs udp or tcp")
    host = _ANY.get(listening.host, listening.host)
    carrier = snapshot.carrier_at(host)
    if carrier is None:
        raise AgentError(
            f"the call would come from {host}, which is in no carrier's sources: add {host} to a carrier of "
            "your tests in carriers.yaml"
        )
    if carrier.digest is not None:
        raise AgentError(f"carrier {carrier.name}, which {host} belongs to, must log in by digest: we can't")
    _leads_to(snapshot, carrier, project, number)
    where = f"{bracketed(host)}:{listening.port}"
    uri = f"sip:{number}@{where}" + (";transport=tcp" if listening.transport == "tcp" else "")
    node = {**order.node, "listen": [f"{listening.transport}://{bracketed(host)}:{listening.port}"]}
    made = replace(
        order,
        callees=(Callee(uri),),
        headers=(*_identity(carrier, project, number, contact_id), MARK),
        node={**node, "public_address": None},
        response_timeout=order.ring,
    )
    return Way(made, contact_id, f"as carrier {carrier.name}, from {host} to {number} at {where}")


def signals_to_nice(project: Project) -> bool:
    """Whether the project's signals go to NICE itself, and not to a simulator on this machine."""
    issuer = project.cxone.issuer if project.cxone and project.signals else ""
    return bool(issuer) and not loopback(
        issuer.partition("://")[2].partition("/")[0].rpartition(":")[0] or issuer
    )


def _leads_to(snapshot: Snapshot, carrier: Carrier, project: Project, number: str) -> None:
    rule = snapshot.numbers.match(normalise(number, carrier.numbers.strip))
    if rule is None:
        raise AgentError(f"no rule takes {number}: handoff-agent route {number} names the nearest")
    if project.project not in rule.projects:
        raise AgentError(
            f"{number} leads to {' or '.join(rule.projects)} and not to {project.project} "
            f"({rule.file}:{rule.line})"
        )


def _identity(
    carrier: Carrier, project: Project, number: str, contact_id: str
) -> tuple[tuple[str, str], ...]:
    """The headers that the carrier's calls have."""
    headers = [(name, contact_id) for name in carrier.contact_id_headers[:1]]
    if carrier.number_from not in ("request-uri", "to"):
        headers.append((carrier.number_from, f"<sip:{number}@test-call>"))
    if carrier.token_header and project.token is not None:
        headers.append((carrier.token_header, project.token.get_secret_value()))
    return tuple(headers)
