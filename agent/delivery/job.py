# SPDX-License-Identifier: GPL-3.0-or-later
"""An entry of the outbox (a signal, webhook or transcript) in delivery, and what listeners are told of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TypeAlias

from agent.core.delivery import Delivery
from agent.core.moments import SignalState
from agent.core.records import Attempt, Channel, Signal

Stream: TypeAlias = tuple[Channel, str, str]
"""Channel, account and project: the entries of one stream share a limit of requests in flight."""
QueueKey: TypeAlias = tuple[Channel, str, str, str]
"""A stream, and the contact whose signals go out in order; for a webhook or transcript its own id."""


@dataclass(frozen=True, slots=True)
class SignalEvent:
    """An entry changed its state (``signal`` has the new one), by an attempt or without one."""

    signal: Signal
    attempt: Attempt | None

    @property
    def outcome(self) -> str:
        """The state, and for a refused one why: ``unknown_contact`` is another matter than ``forbidden``."""
        if self.signal.state is SignalState.REFUSED and self.attempt is not None:
            return self.attempt.outcome
        return self.signal.state.value


class Job(Delivery):
    """One entry that the courier holds: its state machine, and what the worker needs besides.

    Attributes:
        wake: set to end a rest early.
        aside: work on it before its turn: it is made ``recorded``, or settled.
        stream: the entries with which it shares a limit of requests in flight.
        queue_key: which queue it waits in; a webhook or transcript has one to itself.
    """

    __slots__ = ("aside", "queue_key", "stream", "wake")

    def __init__(self, signal: Signal) -> None:
        super().__init__(signal)
        self.wake = asyncio.Event()
        self.aside: asyncio.Task[None] | None = None
        self.stream: Stream = stream_of(signal)
        own = signal.contact_id if signal.channel is Channel.SIGNAL else signal.signal_id
        self.queue_key: QueueKey = (*self.stream, own)


def stream_of(signal: Signal) -> Stream:
    """The stream of an entry."""
    return signal.channel, signal.account, signal.project
