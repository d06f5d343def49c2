# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules between the signals of one contact: one request at a time, in the order of moments."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from agent.core.delivery import Delivery
from agent.core.delivery_events import Overtaken

_Kind = TypeVar("_Kind", bound=Delivery)


class ContactQueue(Generic[_Kind]):
    """The signals of one contact, in the order in which they were begun; only the first has its turn."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: deque[_Kind] = deque()

    @property
    def first(self) -> _Kind | None:
        """The one whose turn it is."""
        return self._waiting[0] if self._waiting else None

    def add(self, delivery: _Kind) -> None:
        """Append a signal; a terminal one may make an arrival before it pointless."""
        new = delivery.signal
        for before in self._waiting:
            same_call = before.signal.call_id == new.call_id
            if same_call and new.moment.terminal and not before.signal.moment.terminal:
                before.handle(Overtaken())
        self._waiting.append(delivery)

    def remove(self, delivery: _Kind) -> None:
        """Remove a signal, settled or not."""
        self._waiting.remove(delivery)
