# SPDX-License-Identifier: GPL-3.0-or-later
"""The one state of the node. OPTIONS, readiness, admission, systemd and the metric are all read from it."""

from __future__ import annotations

from dataclasses import dataclass

from agent.core.reasons import Reason
from agent.core.words import Word


class NodeState(Word):
    """What the node can do now; only `READY` and `DEGRADED` take new calls."""

    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"
    """Internal errors come again and again. Each was contained: turning callers away would help nobody."""
    FULL = "full"
    FAULTY = "faulty"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """All that the state depends on.

    Attributes:
        started: the SIP listeners are up and the record is open.
        draining: no new calls are wanted.
        storage_fault: why calls can't be recorded, or None. A node that can't record must not accept.
        calls: calls that are up, dialling ones included.
        limit: the most calls the node takes.
        trouble: why the node is degraded, or None.
    """

    started: bool = False
    draining: bool = False
    storage_fault: str | None = None
    calls: int = 0
    limit: int = 0
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """The state, why, and what a caller that comes now is told."""

    state: NodeState
    reason: str
    refusal: Reason | None
    retry_after: int = 0

    @property
    def ready(self) -> bool:
        """Whether a new call is taken."""
        return self.refusal is None


READY = NodeStatus(NodeState.READY, "ready", None)


def status(facts: NodeFacts) -> NodeStatus:
    """Judge the facts; the first that holds decides, the gravest stand first.

    `retry_after` is in seconds (RFC 3261 section 20.33): long where a restart is likely, short where a call
    that ends makes room.
    """
    if facts.draining:
        return NodeStatus(NodeState.DRAINING, "draining: no new calls are taken", Reason.DRAINING, 60)
    if not facts.started:
        return NodeStatus(NodeState.STARTING, "starting", Reason.NOT_READY, 5)
    if facts.storage_fault is not None:
        return NodeStatus(
            NodeState.FAULTY, f"calls can't be recorded: {facts.storage_fault}", Reason.NOT_READY, 10
        )
    if facts.calls >= facts.limit:
        return NodeStatus(
            NodeState.FULL, f"{facts.calls} of {facts.limit} calls are up", Reason.OVER_LIMIT, 2
        )
    if facts.trouble is not None:
        return NodeStatus(NodeState.DEGRADED, f"degraded, calls are taken: {facts.trouble}", None)
    return READY
