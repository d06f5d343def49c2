# SPDX-License-Identifier: GPL-3.0-or-later
"""Where metrics that are read at each scrape come from."""

from __future__ import annotations

import asyncio

from agent.core.node import NodeState
from agent.running.parts import Parts
from agent.sip import guard
from agent.telemetry import logs
from agent.telemetry.capacity import room_of


def connect(parts: Parts) -> None:
    """Let the metrics read the parts; the stack must be up."""
    courier, stack, store, loop = parts.outbound.courier, parts.stack, parts.store, asyncio.get_running_loop()
    readings = parts.metrics.readings
    readings.node_state = lambda: parts.switchboard.status.state.value
    readings.node_states = tuple(NodeState)
    readings.guard = guard.invites_refused
    readings.names = guard.names_refused
    readings.storage_fault = lambda: store.fault
    readings.oldest = lambda: courier.oldest_seconds
    readings.owed = lambda: parts.saves.owed
    readings.credential_alarms = parts.outbound.refused
    readings.failing = parts.outbound.failing
    readings.pending = lambda: courier.pending
    readings.outbox = lambda: courier.pending_by_channel
    readings.log_lines_dropped = logs.dropped
    readings.tasks = lambda: len(asyncio.all_tasks(loop))
    readings.legs = lambda: stack.legs_alive
    readings.native_calls = stack.native_calls
    parts.metrics.capacity.read = lambda: room_of(parts.configuration.snapshot, stack.legs_alive)
