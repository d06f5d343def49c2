# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that an earlier process of this node left up: their script is told, once, that the call failed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace

from agent.core.brief import signal_after_the_fact
from agent.core.call import State
from agent.core.model import Project
from agent.core.reasons import End, Reason
from agent.core.records import CallRecord
from agent.delivery.courier import Courier
from agent.delivery.store import Store
from agent.telemetry.logs import logger

_log = logger("recovery")
_AT_ONCE = 1000


async def tell_of_lost_calls(
    node: str, store: Store, courier: Courier, project_of: Callable[[str, str], Project | None]
) -> int:
    """Record the `failed` moment of each call that this node had up when its process died.

    Raises:
        StorageError: the record can't be read or written.

    Returns:
        How many calls there were.
    """
    count = 0
    while lost := await store.calls(live=True, node=node, limit=_AT_ONCE):
        for call in lost:
            await _tell(call, store, courier, project_of(call.account, call.project))
        count += len(lost)
    return count


async def _tell(call: CallRecord, store: Store, courier: Courier, project: Project | None) -> None:
    now = time.time()
    signal_id = f"s-{secrets.token_hex(8)}"
    signal = signal_after_the_fact(call, project, signal_id, now, Reason.PROCESS_DIED) if project else None
    told = await store.record_signal(signal) if signal else None
    if told is not None:
        courier.begin(told)
    end = await _end(call, store)
    over = replace(call, state=State.ENDED.value, ended=now, end=end.value, reason=Reason.PROCESS_DIED.value)
    await store.update_call(over)
    _log.warning(
        "a call was up when the process died",
        call_id=call.call_id,
        contact_id=call.contact_id,
        project=call.project,
        signalled=told is not None,
    )


async def _end(call: CallRecord, store: Store) -> End:
    """How the call ended: by the terminal moment that came before the process died, else by its death."""
    moments = (signal.moment for signal in await store.signals(call_id=call.call_id))
    return next((End(moment.value) for moment in moments if moment.terminal), End.FAILED)
