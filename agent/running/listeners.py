# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP listeners: the handoff API and the operations."""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from urllib.parse import urlsplit

from agent.calls.desks import Desks
from agent.core.model import Agent
from agent.http.access import Access
from agent.http.api import api_app
from agent.http.listener import ConnectionLimits
from agent.http.operations import operations_app
from agent.http.serving import serve_app
from agent.process import Ending, descriptors
from agent.running.parts import Parts
from agent.running.rollouts import Rollouts


async def listen(parts: Parts, ending: Ending, closing: AsyncExitStack) -> None:
    """Open both.

    Args:
        parts: what they ask.
        ending: takes each down in its time.
        closing: is given what takes them down.

    Raises:
        AgentError: a port is taken, or a certificate can't be read.
    """
    agent, metrics = parts.configuration.snapshot.agent, parts.metrics
    http, shares, desks = agent.http, descriptors(agent), _desks(parts)
    api = api_app(desks, origins=http.origins, count=metrics.api_answered, neighbours=parts.neighbours)
    operations = operations_app(
        desks,
        _names(agent),
        access=Access(
            lambda: parts.configuration.snapshot.agent.http.operations_auth,
            refused=metrics.log_in_refused,
            by_node=parts.neighbours.identity,
        ),
        audit=parts.audit,
        diagnostics=parts.closer.diagnostics,
        neighbours=parts.neighbours,
        rollout=Rollouts(parts.configuration),
    )
    of_api = ConnectionLimits(shares.api, min(shares.api, http.connections_per_address))
    of_operations = ConnectionLimits(shares.operations, max(shares.operations // 2, 1))
    for name, app, address, tls, room in (
        ("api", api, http.api, http.tls, of_api),
        ("operations", operations, http.operations, None, of_operations),
    ):
        server = await serve_app(app, address, tls, room=room, shed=partial(metrics.http_shed, name))
        if name == "api":
            parts.renewal.serves(server)
        ending.add(closing, f"HTTP {name}", server.aclose, usual=5.0, forced=0.2)
    # Ended before the listeners: clients of what is forwarded are told to ask another node.
    ending.add(closing, "requests to nodes", parts.to_nodes.aclose, usual=2.0, forced=0.1)


def _desks(parts: Parts) -> Desks:
    return Desks(
        parts.register,
        parts.switchboard,
        parts.configuration,
        parts.services,
        alarms=parts.outbound.alarms,
        signal_events=parts.signal_events.take,
        bell=parts.bell,
        overview=parts.sights.overview,
        neighbours=parts.neighbours,
    )


def _names(agent: Agent) -> tuple[str, ...]:
    """Names by which the operations listener may be asked; that by which other nodes ask is one."""
    node = None if agent.fleet is None else agent.fleet.node(agent.node)
    by_others = [] if node is None or node.operations is None else [urlsplit(node.operations).hostname or ""]
    return (agent.http.operations.host, *agent.http.operations_hosts, *by_others)
