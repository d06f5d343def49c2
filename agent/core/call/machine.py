# SPDX-License-Identifier: GPL-3.0-or-later
"""The call as a state machine: which reaction belongs to which state and event.

Whoever reaches a terminal moment first decides it; nothing takes it back once it is durable, so at most one
`Tell` that was confirmed ever leaves a call.
"""

from __future__ import annotations

from typing import Final

from agent.core.actions import Record, Start, Timer
from agent.core.call import bridged, going_back, opening, telling
from agent.core.call.call import Call
from agent.core.call.table import Actions, Table
from agent.core.events import Event

_TABLE: Final[Table] = opening.TABLE | bridged.TABLE | telling.TABLE | going_back.TABLE


class Machine(Call):
    """One call. Feed each event to `handle` and carry out what it returns, in order."""

    def begin(self) -> Actions:
        """The actions for a call that has just been admitted."""
        return [Start(Timer.RECORD), Record()]

    def handle(self, event: Event) -> Actions:
        """Take one event; an event that means nothing in this state gives no action."""
        reaction = _TABLE.get((self.state, type(event)))
        return reaction(self, event) if reaction else []
