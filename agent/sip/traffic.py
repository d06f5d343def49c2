# SPDX-License-Identifier: GPL-3.0-or-later
"""What RTP did on a leg."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Traffic:
    """RTP of one leg from its start: packets, losses as pjmedia counts them, jitter in seconds (mean).

    `heard` counts the RTP that could be used and the RTCP: it grows while the far end is there. `strays` came
    from elsewhere than the far end and were dropped.
    """

    received: int = 0
    sent: int = 0
    lost: int = 0
    lost_by_peer: int = 0
    jitter: float = 0.0
    heard: int = 0
    strays: int = 0

    def plus(self, other: Traffic) -> Traffic:
        """Both together; the jitter is the worse one."""
        return Traffic(
            self.received + other.received,
            self.sent + other.sent,
            self.lost + other.lost,
            self.lost_by_peer + other.lost_by_peer,
            max(self.jitter, other.jitter),
            max(self.heard, other.heard),  # counted through all streams already
            max(self.strays, other.strays),
        )
