# SPDX-License-Identifier: GPL-3.0-or-later
"""A call that only notes what it is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from agent.calls.live_call import LiveCall
from agent.core.events import Event
from agent.core.records import CallRecord
from tests.core.examples import record


@dataclass
class ScriptedCall:
    """What a register, and those who ask it, see of a call."""

    record: CallRecord
    handled: list[Event] = field(default_factory=list)

    def handle(self, event: Event) -> None:
        """Note it."""
        self.handled.append(event)

    @property
    def as_call(self) -> LiveCall:
        """The same."""
        return cast("LiveCall", self)


def call(call_id: str = "c-1", **changes: object) -> ScriptedCall:
    """A call of project care, with other facts where they are given."""
    return ScriptedCall(record(call_id=call_id, **changes))
