# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a call's legs may go, in the order in which that is tried, and what is sent there."""

from __future__ import annotations

import random
from collections.abc import Iterable

from agent.core.brief import Brief
from agent.core.model import Target
from agent.core.records import Handoff
from agent.core.sides import Side
from agent.core.targets import in_order


class Destinations:
    """The voice agent's addresses, and those that the caller goes back to; drawn once for each call.

    Args:
        brief: the call's facts.
        down: URIs of targets that do not answer their probes.
    """

    def __init__(self, brief: Brief, down: Iterable[str]) -> None:
        project, unhealthy = brief.admitted.project, frozenset(down)
        self._brief = brief
        self._agents = in_order(project.voice_agent.targets, random.random, unhealthy)
        self._back = in_order(project.handoff.all_targets, random.random, unhealthy)

    def of(self, side: Side, handoff: Handoff | None = None) -> tuple[Target, ...]:
        """The targets of a side; of those to go back to, the one that the handoff named comes first."""
        if side is Side.AGENT:
            return self._agents
        named = handoff.target if handoff else ""
        return (*((Target(uri=named),) if named else ()), *self._back)

    def headers(self, side: Side, handoff: Handoff | None = None) -> list[tuple[str, str]]:
        """What the INVITE, or the REFER, to a side carries."""
        return self._brief.invite_headers() if side is Side.AGENT else self._brief.transfer_headers(handoff)
