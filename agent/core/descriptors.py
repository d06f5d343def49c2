# SPDX-License-Identifier: GPL-3.0-or-later
"""How many file descriptors the agent needs, and how many of them HTTP may have.

SIP, audio and storage come first: whoever opens HTTP connections must not take a caller's sockets away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from agent.core.model import Agent

PER_CALL: Final = 5
"""Two legs, each with a socket for RTP and one for RTCP, and those of calls that ended a moment ago."""
OF_ITS_OWN: Final = 256
"""Listeners, SIP over TCP and TLS, storage, connections to NICE and to customers' systems."""
OPERATIONS: Final = 128
"""Connections to the operations listener: people, their commands, scrapers, probes."""
_LEAST: Final = 8


@dataclass(frozen=True, slots=True)
class Shares:
    """Who may have how many.

    Attributes:
        needed: for all that the configuration asks for.
        limit: how many there are.
        api: connections to the handoff API.
        operations: connections to the operations listener.
        calls: calls that surely have theirs.
    """

    needed: int
    limit: int
    api: int
    operations: int
    calls: int

    @property
    def enough(self) -> bool:
        """Whether everybody has what the configuration promises."""
        return self.needed <= self.limit


def needed(agent: Agent) -> int:
    """The descriptors for `limits.calls`, `http.connections` and the agent itself."""
    return agent.limits.calls * PER_CALL + OF_ITS_OWN + agent.http.connections + OPERATIONS


def shares(agent: Agent, limit: int) -> Shares:
    """Deal ``limit`` descriptors out; where they are too few, HTTP has at most a quarter of them."""
    operations = min(OPERATIONS, max(limit // 16, _LEAST))
    left = limit - agent.limits.calls * PER_CALL - OF_ITS_OWN - operations
    api = min(agent.http.connections, max(left, limit // 4 - operations, _LEAST))
    calls = min(agent.limits.calls, max(limit - OF_ITS_OWN - operations - api, 0) // PER_CALL)
    return Shares(needed(agent), limit, api, operations, calls)
