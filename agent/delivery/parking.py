# SPDX-License-Identifier: GPL-3.0-or-later
"""Which webhooks and transcripts are held in memory, and which wait on disk with only their ids kept here.

A customer's system that is down for a day must cost disk, not memory.
"""

from __future__ import annotations

from collections import Counter, deque

from agent.core.records import Channel
from agent.delivery.job import Stream


class Parking:
    """Counts the entries that are held in memory, by stream, and keeps the ids of those beyond the limit.

    Args:
        most: how many of a stream are held at the same time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: Counter[Stream] = Counter()
        self._parked: dict[Stream, deque[str]] = {}

    def admit(self, stream: Stream, signal_id: str) -> bool:
        """Count an entry as held if there is room and none waits before it; else keep its id."""
        if self._held[stream] < self._most and stream not in self._parked:
            self._held[stream] += 1
            return True
        self._parked.setdefault(stream, deque()).append(signal_id)
        return False

    def leave(self, stream: Stream) -> str | None:
        """Count one as over; gives the id of the next that waits, which counts as held from now on."""
        waiting = self._parked.get(stream)
        if not waiting:
            self._held[stream] -= 1
            if not self._held[stream]:
                del self._held[stream]
            return None
        signal_id = waiting.popleft()
        if not waiting:
            del self._parked[stream]
        return signal_id

    @property
    def waiting(self) -> Counter[Channel]:
        """How many wait on disk, by channel."""
        count: Counter[Channel] = Counter()
        for (channel, _, _), parked in self._parked.items():
            count[channel] += len(parked)
        return count
