# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operating system gives this process."""

from __future__ import annotations

import resource

from agent.core.descriptors import Shares, shares
from agent.core.model import Agent
from agent.telemetry import logs

_log = logs.logger("node")


def descriptors(agent: Agent) -> Shares:
    """Take as many file descriptors as the system lets us have, and deal them out.

    What is too little is said once, in the log: a node with little load runs well with fewer.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    dealt = shares(agent, hard)
    if not dealt.enough:
        _log.warning(
            "too few file descriptors: raise LimitNOFILE, or lower limits.calls and http.connections",
            limit=dealt.limit,
            needed=dealt.needed,
            calls=dealt.calls,
            api_connections=dealt.api,
        )
    return dealt
