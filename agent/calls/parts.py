# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of one call share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.calls.contained import ContainedInCall
from agent.calls.legs import Legs
from agent.calls.record import DurableRecord
from agent.calls.services import Services
from agent.core.brief import Brief
from agent.core.call import Machine
from agent.core.events import Event


@dataclass(frozen=True)
class Parts:
    """One call, as each of its parts sees it.

    Attributes:
        brief: the call's facts.
        services: the rest of the agent.
        machine: what the call decides by; read only, events go to `handle`.
        record: what is durable of the call, and its story.
        legs: its legs.
        contained: takes what goes wrong where it must end nothing else.
        handle: lets the machine take an event; raises nothing.
    """

    brief: Brief
    services: Services
    machine: Machine
    record: DurableRecord
    legs: Legs
    contained: ContainedInCall
    handle: Callable[[Event], None]

    def note(self, kind: str, text: str) -> None:
        """Add a line to the call's story."""
        self.record.note(kind, text)
