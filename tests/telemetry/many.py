# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics of a node with 500 projects, all of them in use."""

from __future__ import annotations

from typing import Final

from agent.core.moments import Moment
from agent.core.node import NodeState
from agent.core.reasons import End
from agent.telemetry.metrics import Metrics

PROJECTS: Final = tuple(f"acme-care-{number:03d}" for number in range(500))
TARGETS_EACH: Final = 2


def metrics_of_many() -> Metrics:
    """Every project has had calls that ended in every way, signals of each moment, two voice agents."""
    metrics = Metrics()
    metrics.readings.node_state = lambda: "ready"
    metrics.readings.node_states = tuple(NodeState)
    metrics.readings.credential_alarms = lambda: dict.fromkeys(PROJECTS, False)
    metrics.readings.failing = lambda: dict.fromkeys(PROJECTS, False)
    for number, project in enumerate(PROJECTS):
        _busy(metrics, project)
        for target in range(TARGETS_EACH):
            metrics.target_probed(
                project, f"sip:bot@10.{number // 256}.{number % 256}.{target}:5070", up=True
            )
    return metrics


def _busy(metrics: Metrics, project: str) -> None:
    for result in ("answered", "cancelled", "no_agent"):
        metrics.invite_answered(project, result)
    for end in End:
        metrics.call_started(project)
        metrics.call_answered(project, 0.1)
        metrics.call_ended(project, end.value, "no_agent" if end is End.FAILED else "")
    for moment in Moment:
        metrics.signal_settled(project, moment.value, "accepted", 0.2)
    metrics.signal_settled(project, "handoff", "unknown_contact", 0.2)
    metrics.audio_carried(project, "relay")
    metrics.api_answered(project, "hand_off", 202)
