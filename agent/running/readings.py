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
    metrics, courier, stack, store = parts.metrics, parts.outbound.courier, parts.stack, parts.store
    loop = asyncio.get_running_loop()
    metrics.set_node_state_reader(lambda: parts.switchboard.status.state.value, NodeState)
    metrics.set_guard_reader(guard.invites_refused)
    metrics.set_names_reader(guard.names_refused)
    metrics.set_storage_fault_reader(lambda: store.fault)
    metrics.set_room_reader(lambda: room_of(parts.configuration.snapshot, stack.legs_alive))
    metrics.set_oldest_reader(lambda: courier.oldest_seconds)
    metrics.set_owed_reader(lambda: parts.saves.owed)
    metrics.set_credential_alarm_reader(parts.outbound.refused)
    metrics.set_failing_reader(parts.outbound.failing)
    metrics.set_pending_reader(lambda: courier.pending)
    metrics.set_outbox_reader(lambda: courier.pending_by_channel)
    metrics.set_log_reader(logs.dropped)
    metrics.set_task_reader(lambda: len(asyncio.all_tasks(loop)))
    metrics.set_native_readers(lambda: stack.legs_alive, stack.native_calls)
