# SPDX-License-Identifier: GPL-3.0-or-later
"""What RTP did on a leg."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Traffic:
    """RTP of one leg from its start: packets, losses as pjmedia counts them, jitter in seconds (mean)."""

    received: int = 0
    sent: int = 0
    lost: int = 0
    lost_by_peer: int = 0
    jitter: float = 0.0

    def plus(self, other: Traffic) -> Traffic:
        """Both together; the jitter is the worse one."""
        return Traffic(
            self.received + other.received,
            self.sent + other.sent,
            self.lost + other.lost,
            self.lost_by_peer + other.lost_by_peer,
            max(self.jitter, other.jitter),
        )
