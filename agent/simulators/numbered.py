# SPDX-License-Identifier: GPL-3.0-or-later
"""What is missing in RTP, by the numbers of its packets alone (RFC 3550 appendix A.3).

pjmedia begins to count, and to play, at two packets in a row: of a stream without any, such as one whose
every second packet is gone, it counts no loss at all.
"""

from __future__ import annotations

from typing import Final

from agent.simulators.rtp import Packet

_HALF: Final = 0x8000
_RESTART: Final = 1000
"""A jump by more is a stream that begins anew, no loss."""


class Numbered:
    """Packets of one party, in the order in which they came."""

    def __init__(self) -> None:
        self._before = 0
        self._source: int | None = None
        self._first = self._highest = 0
        self._seen: set[int] = set()

    def take(self, packet: Packet) -> None:
        """One more; late and repeated ones are known by their number."""
        step = (packet.sequence - self._highest + _HALF) % (2 * _HALF) - _HALF
        if packet.source != self._source or abs(step) > _RESTART:
            self._before = self.lost
            self._source = packet.source
            self._first = self._highest = packet.sequence
            self._seen = {packet.sequence}
            return
        number = self._highest + step
        self._seen.add(number)
        self._first, self._highest = min(self._first, number), max(self._highest, number)

    @property
    def lost(self) -> int:
        """How many never came."""
        return self._before + (self._highest - self._first + 1 - len(self._seen) if self._seen else 0)
