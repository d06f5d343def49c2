# SPDX-License-Identifier: GPL-3.0-or-later
"""A signal, webhook or transcript on its way, and what is told of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TypeAlias

from agent.core.delivery import Delivery
from agent.core.moments import SignalState
from agent.core.records import Attempt, Channel, Signal

Road: TypeAlias = tuple[Channel, str, str]
"""Channel, account and project: what shares a number of requests at the same time."""
LaneKey: TypeAlias = tuple[Channel, str, str, str]
"""A road, and whose entries go out one after the other: a contact's signals. The others go by themselves."""


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
    """One entry of the outbox that the courier has in hand: its machine, and what the worker needs besides.

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
    def road(self) -> Road:
        """Whose requests it shares their number with."""
        return road_of(self.signal)

    @property
    def lane(self) -> LaneKey:
        """Whose signals it must not overtake; a webhook or transcript waits for nobody."""
        signal = self.signal
        own = signal.contact_id if signal.channel is Channel.SIGNAL else signal.signal_id
        return signal.channel, signal.account, signal.project, own


def road_of(signal: Signal) -> Road:
    """The road that an entry takes."""
    return signal.channel, signal.account, signal.project
