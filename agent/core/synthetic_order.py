# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of a test call straight to a project's voice agent."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agent.core.model import Project, Snapshot
from agent.core.model.synthetic import Synthetic
from agent.core.synthetic import Callee, Order, headers_of, node_of
from agent.core.targets import in_order


def order_for(
    snapshot: Snapshot, project: Project, random: Callable[[], float], down: Iterable[str] = ()
) -> Order:
    """A call to the project's voice agents, in the order in which a customer's would try them.

    Args:
        snapshot: the configuration in force.
        project: whose voice agent is called.
        random: as for `agent.core.targets.in_order`.
        down: URIs of targets that do not answer their probes.
    """
    voice_agent, media = project.voice_agent, snapshot.agent.media
    targets = in_order(voice_agent.targets, random, down)
    return Order(
        project=project.project,
        callees=tuple(Callee(target.uri, media.latch_of(nat=target.nat)) for target in targets),
        headers=headers_of(project, snapshot.agent.node, "test-call"),
        node=node_of(snapshot),
        response_timeout=voice_agent.response_timeout,
        ring=snapshot.agent.limits.ring,
        patience=(project.synthetic or Synthetic()).wait,
    )
