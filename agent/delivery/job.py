# SPDX-License-Identifier: GPL-3.0-or-later
"""A signal on its way, and what is told of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TypeAlias

from agent.core.moments import SignalState
from agent.core.records import Attempt, Signal

Lane: TypeAlias = tuple[str, str, str]
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


class Job:
    """One signal that the courier has in hand.

    Attributes:
        signal: as it stands now.
        stop: the state in which to give it up, once somebody wants that.
        on_wire: whether bytes of a request may have left whose answer is not known yet.
        settled_elsewhere: whether somebody else, an operator say, settled it on disk.
        demotion: makes one ``recorded`` again that was recorded as ``sending`` and must wait after all.
        wake: set when a rest between two tries should be thought over.
    """

    __slots__ = ("demotion", "on_wire", "settled_elsewhere", "signal", "stop", "wake")

    def __init__(self, signal: Signal) -> None:
        self.signal = signal
        self.stop: SignalState | None = None
        self.on_wire = False
        self.demotion: asyncio.Task[None] | None = None
        self.settled_elsewhere = False
        self.wake = asyncio.Event()

    @property
    def lane(self) -> Lane:
        """Whose signals it must not overtake."""
        return self.signal.account, self.signal.project, self.signal.contact_id
