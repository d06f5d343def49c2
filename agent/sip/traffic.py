# SPDX-License-Identifier: GPL-3.0-or-later
"""What RTP did on a leg."""

from __future__ import annotations

from dataclasses import dataclass

from agent.core.quality import LegQuality, estimate


@dataclass(frozen=True, slots=True)
class Traffic:
    """RTP of one leg from its start: packets, losses as pjmedia counts them; jitter in seconds (mean).

    `heard` counts the RTP that could be used and the RTCP: it grows while the far end is there. `strays` came
    from elsewhere than the far end and were dropped. `round_trip` is the mean time in seconds to the far end
    and back by its reports (RFC 3550 section 6.4.1); None while none of them tells it.
    """

    received: int = 0
    sent: int = 0
    lost: int = 0
    lost_by_peer: int = 0
    jitter: float = 0.0
    heard: int = 0
    strays: int = 0
    round_trip: float | None = None

    def quality(self, side: str, codec: str, path: str) -> LegQuality:
        """What a record says of the leg; `codec` as SDP writes it, `path` is ``relay`` or ``mix``."""
        return LegQuality(
            side,
            codec,
            path,
            self.received,
            self.sent,
            self.lost,
            self.lost_by_peer,
            None,  # the stack counts neither what came too late
            self.strays,
            self.jitter,
            self.round_trip,
            None,  # nor how long nothing came
            estimate(self.received, self.lost, self.jitter, self.round_trip, codec),
        )

    def plus(self, other: Traffic) -> Traffic:
        """Both together; jitter and round trip are the worse ones."""
        known = [told for told in (self.round_trip, other.round_trip) if told is not None]
        return Traffic(
            self.received + other.received,
            self.sent + other.sent,
            self.lost + other.lost,
            self.lost_by_peer + other.lost_by_peer,
            max(self.jitter, other.jitter),
            max(self.heard, other.heard),  # counted through all streams already
            max(self.strays, other.strays),
            max(known, default=None),
        )
