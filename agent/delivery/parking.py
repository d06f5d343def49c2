# SPDX-License-Identifier: GPL-3.0-or-later
"""Webhooks and transcripts beyond those that are held in memory: their ids only; the rest stands on disk.

A customer's system that is down for a day must cost disk, not memory.
"""

from __future__ import annotations

from collections import Counter, deque

from agent.core.records import Channel
from agent.delivery.job import Road


class Parking:
    """Who is held and who waits, by road.

    Args:
        most: so many of a road are held at the same time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: Counter[Road] = Counter()
        self._parked: dict[Road, deque[str]] = {}

    def admit(self, road: Road, signal_id: str) -> bool:
        """Whether there is room for one more, and none waits before it; else its id is kept."""
        if self._held[road] < self._most and road not in self._parked:
            self._held[road] += 1
            return True
        self._parked.setdefault(road, deque()).append(signal_id)
        return False

    def leave(self, road: Road) -> str | None:
        """One that was held is over. Gives the id of the next, which is held from now on."""
        waiting = self._parked.get(road)
        if not waiting:
            self._held[road] -= 1
            if not self._held[road]:
                del self._held[road]
            return None
        signal_id = waiting.popleft()
        if not waiting:
            del self._parked[road]
        return signal_id

    @property
    def waiting(self) -> Counter[Channel]:
        """How many wait, by channel."""
        count: Counter[Channel] = Counter()
        for (channel, _, _), parked in self._parked.items():
            count[channel] += len(parked)
        return count
