# SPDX-License-Identifier: GPL-3.0-or-later
"""Projects for calls that a test plays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.core.model import Project
from tests.core.examples import TENANT, project

AGENT = "sip:bot@10.0.0.5:5070"
SECOND_AGENT = "sip:bot@10.0.0.6:5070"
QUEUE = "sip:queue@10.0.0.9:5070"
SECOND_QUEUE = "sip:queue2@10.0.0.9:5070"
SIGNALS = {moment: {"p1": moment} for moment in ("arrival", "handoff", "completed", "failed")}


def care(*agents: str, handoff: Mapping[str, Any] | None = None, **changes: Any) -> Project:  # noqa: ANN401 - what YAML holds
    """A project that signals every moment; its voice agents are tried in this order."""
    targets = [{"uri": uri, "priority": place} for place, uri in enumerate(agents or (AGENT,), 1)]
    settings: dict[str, Any] = {
        "cxone": TENANT,
        "signals": SIGNALS,
        "signal_ttl": "1h",
        "voice_agent": {"targets": targets},
        "handoff": dict(handoff or {}),
    }
    return project("care", **{**settings, **changes})


def back(method: str, *queues: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - what YAML holds
    """Settings of `handoff` for a way back to these targets, tried in this order."""
    targets = [{"uri": uri, "priority": place} for place, uri in enumerate(queues or (QUEUE,), 1)]
    return {"method": method, "targets": targets, **changes}
