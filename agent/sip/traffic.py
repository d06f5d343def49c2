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
    and back by its reports (RFC 3550 section 6.4.1); None while none of them tells it. `codec` is that of the
    stream, or of the last one. `discarded` packets came and were of no use; for `longest_gap` seconds none
    came (None: there was no time to measure). See ``handoff_leg_quality`` in ``deploy/pjsua2/legs.h``.
    """

    received: int = 0
    sent: int = 0
    lost: int = 0
    lost_by_peer: int = 0
    jitter: float = 0.0
    heard: int = 0
    strays: int = 0
    round_trip: float | None = None
    codec: str = ""
    discarded: int = 0
    longest_gap: float | None = None

    def quality(self, side: str, path: str) -> LegQuality:
        """What a record says of the leg; `path` is ``relay`` or ``mix``."""
        return LegQuality(
            side,
            self.codec,
            path,
            self.received,
            self.sent,
            self.lost,
            self.lost_by_peer,
            self.discarded,
            self.strays,
            self.jitter,
            self.round_trip,
            self.longest_gap,
            self.mos,
        )

    @property
    def mos(self) -> float | None:
        """The MOS estimate for what came; None where nothing did, or the codec is not known."""
        return estimate(
            self.received, self.lost, self.jitter, self.round_trip, self.codec, discarded=self.discarded
        )

    def plus(self, other: Traffic) -> Traffic:
        """Both together, `other` being the later one; jitter, round trip and gap are the worse ones."""
        return Traffic(
            self.received + other.received,
            self.sent + other.sent,
            self.lost + other.lost,
            self.lost_by_peer + other.lost_by_peer,
            max(self.jitter, other.jitter),
            max(self.heard, other.heard),  # counted through all streams already
            max(self.strays, other.strays),
            _worse(self.round_trip, other.round_trip),
            other.codec or self.codec,
            max(self.discarded, other.discarded),  # as above, like the next one
            _worse(self.longest_gap, other.longest_gap),
        )


def _worse(one: float | None, other: float | None) -> float | None:
    return one if other is None or (one is not None and one > other) else other
