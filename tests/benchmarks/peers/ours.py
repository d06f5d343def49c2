# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent itself, with its durable arrival signal and without any signal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.benchmarks.edge import edge
from tests.benchmarks.peers.processes import Peer
from tests.benchmarks.relay import add_probed
from tests.calls.harness.plan import Plan

_ROOM = 1010


@asynccontextmanager
async def ours() -> AsyncIterator[Peer]:
    """Each call with its arrival signal, durable before the voice agent is called."""
    async with edge(_ROOM, add_probed) as house:
        yield Peer(house.plan, [house.agent.pid])


@asynccontextmanager
async def ours_without_signals() -> AsyncIterator[Peer]:
    """The same, and no project has any signal to send."""

    def change(plan: Plan) -> None:
        for project in plan.projects.values():
            project["signals"] = {}
        add_probed(plan)

    async with edge(_ROOM, change) as house:
        yield Peer(house.plan, [house.agent.pid], without="signals; calls are still recorded durably")
