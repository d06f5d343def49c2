# SPDX-License-Identifier: GPL-3.0-or-later
"""A signal on its way, and what is told of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TypeAlias

from agent.core.delivery import Delivery
from agent.core.moments import SignalState
from agent.core.records import Attempt, Signal

Contact: TypeAlias = tuple[str, str, str]
"""Account, project and contact: whose signals go out one after the other."""


@dataclass(frozen=True, slots=True)
class SignalEvent:
    """A signal changed its state (``signal`` has the new one), by an attempt or without one."""

    signal: Signal
    attempt: Attempt | None

    @property
    def outcome(self) -> str:
        """The state, and for a refused one why: ``unknown_contact`` is another matter than ``forbidden``."""
        if self.signal.state is SignalState.REFUSED and self.attempt is not None:
            return self.attempt.outcome
        return self.signal.state.value


class Job(Delivery):
    """One signal that the courier has in hand: its machine, and what the worker needs besides.

    Attributes:
        wake: set when a rest should be thought over.
        aside: work on it though it is not its turn: it is made ``recorded``, or settled.
    """

    __slots__ = ("aside", "wake")

    def __init__(self, signal: Signal) -> None:
        super().__init__(signal)
        self.wake = asyncio.Event()
        self.aside: asyncio.Task[None] | None = None

    @property
    def contact(self) -> Contact:
        """Whose signals it must not overtake."""
        return self.signal.account, self.signal.project, self.signal.contact_id
