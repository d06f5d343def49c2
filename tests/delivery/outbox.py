# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left in an outbox, as a test looks at it."""

from __future__ import annotations

from agent.core.records import Signal
from agent.delivery.queries import SignalQuery
from agent.delivery.store import HandoffStates


async def unsettled(store: HandoffStates) -> tuple[Signal, ...]:
    """All entries that are ``recorded`` or ``sending``, of every channel, in the order of their recording."""
    newest_first = await store.signals(SignalQuery(channel=None, limit=1000))
    return tuple(entry for entry in reversed(newest_first) if not entry.state.final)
