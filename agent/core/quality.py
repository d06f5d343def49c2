# SPDX-License-Identifier: GPL-3.0-or-later
"""How good the audio of a leg was: what RTP did on it, and the listening quality that follows (E-model).

The estimate is ITU-T G.107 (06/2015) with its default values, of which packet loss and delay are left:
R = 93.2 - Idd - Ie,eff. Equipment impairment (Ie) and robustness against loss (Bpl) are those of
ITU-T G.113 (2024) Appendix I, table I.4, for G.711 with packet loss concealment, which receivers have today;
loss counts as random (BurstR 1). It is an estimate from what arrived here: nobody has listened.

G.722 and Opus: G.107 is of telephone bandwidth, and G.113 has no values for them on its scale. So they are
taken as G.711 is: loss and delay count the same, what wideband gains and what Opus conceals better does not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final, Protocol, Self

BASE: Final = 93.2
"""R with G.107's default values, section 7.7; nothing lost, no delay to speak of."""
IE: Final = 0.0
"""Equipment impairment of G.711: G.113 Appendix I, table I.4."""
BPL: Final = 25.1
"""Robustness of G.711 with concealment (G.711 Appendix I) against random loss: the same table."""
BPL_WITHOUT_CONCEALMENT: Final = 4.3
"""The same without concealment."""
_LEAST_DELAY: Final = 100.0  # mT, milliseconds: G.107 table 1, the usual sensitivity to delay
_PACKET: Final = 0.02
_MOST: Final = 4.5
_ESTIMATED: Final = frozenset({"PCMU", "PCMA", "G722", "opus"})
_SPELLINGS: Final = {codec.casefold(): codec for codec in _ESTIMATED}


class Counted(Protocol):
    """What RTP did on a leg; see `LegQuality`."""

    @property
    def received(self) -> int: ...  # noqa: D102 - as below
    @property
    def sent(self) -> int: ...  # noqa: D102
    @property
    def lost(self) -> int: ...  # noqa: D102
    @property
    def discarded(self) -> int | None: ...  # noqa: D102
    @property
    def strays(self) -> int: ...  # noqa: D102
    @property
    def jitter(self) -> float: ...  # noqa: D102
    @property
    def round_trip(self) -> float | None: ...  # noqa: D102
    @property
    def longest_gap(self) -> float | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class LegQuality:
    """RTP of one leg from its start to its end.

    Attributes:
        side: caller, agent or target.
        codec: the one it was agreed on last, as SDP writes it; empty for a leg of before it was told.
        path: how its audio went across when it last did: ``relay`` or ``mix``; empty where it never did.
        received: packets that came from the far end.
        sent: packets that went to it.
        lost: packets that never came.
        lost_by_peer: packets of ours that the far end missed, by its reports.
        discarded: packets that came and were of no use; None for a leg of before they were counted.
        strays: packets that came from elsewhere and were dropped.
        jitter: mean, seconds (RFC 3550 section 6.4.1).
        round_trip: mean, seconds, by the far end's reports; None where none of them tells it.
        longest_gap: seconds without a packet; None where there was no time to measure.
        mos: estimate for what came from the far end, 1 to 4.5; None where nothing came.
    """

    side: str
    codec: str = ""
    path: str = ""
    received: int = 0
    sent: int = 0
    lost: int = 0
    lost_by_peer: int = 0
    discarded: int | None = None
    strays: int = 0
    jitter: float = 0.0
    round_trip: float | None = None
    longest_gap: float | None = None
    mos: float | None = None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """Of a JSON object; what a newer agent may have added is passed over."""
        return cls(**{name: value for name, value in told.items() if name in _NAMES})

    @property
    def loss(self) -> float:
        """The share of packets that never came, 0 to 1."""
        whole = self.received + self.lost
        return self.lost / whole if whole else 0.0


_NAMES: Final = tuple(field.name for field in fields(LegQuality))
_values: Final = attrgetter(*_NAMES)


def as_object(leg: LegQuality) -> dict[str, Any]:
    """A leg as a JSON object."""
    return dict(zip(_NAMES, _values(leg), strict=True))


def to_text(legs: tuple[LegQuality, ...]) -> str:
    """Legs as JSON text, for the storage."""
    return json.dumps([as_object(leg) for leg in legs]) if legs else "[]"


def from_text(text: str) -> tuple[LegQuality, ...]:
    """Legs of JSON text; what a newer agent may have added is passed over."""
    if text == "[]":
        return ()
    return tuple(LegQuality.of(leg) for leg in json.loads(text))


def spelled(codec: str) -> str:
    """A codec as SDP usually writes it: case does not count there (RFC 4855)."""
    return _SPELLINGS.get(codec.casefold(), codec)


def in_words(counts: Counted) -> str:
    """What RTP did on a leg, as stories, lists and pages tell it."""
    words = (
        f"{counts.received} RTP packets in, {counts.lost} lost, {counts.sent} out, "
        f"jitter {counts.jitter * 1000:.1f} ms"
    )
    if counts.longest_gap is not None:
        words += f", longest gap {counts.longest_gap:.2f} s"
    if counts.discarded:
        words += f", {counts.discarded} of no use"
    if counts.round_trip is not None:
        words += f", round trip {counts.round_trip * 1000:.1f} ms"
    if counts.strays:
        words += f", {counts.strays} from elsewhere dropped (media.latch)"
    return words


def estimate(
    received: int, lost: int, jitter: float, round_trip: float | None, codec: str, *, discarded: int = 0
) -> float | None:
    """The MOS estimate for what came on a leg, to two places.

    Args:
        received: packets that came.
        lost: packets that never came.
        jitter: mean, seconds.
        round_trip: to the far end and back, seconds; as none where it is not known.
        codec: as SDP writes it.
        discarded: packets that came and were of no use: for who listens they are lost, too.

    Returns:
        None where nothing came, or the codec is not known.
    """
    if received <= 0 or codec not in _ESTIMATED:
        return None
    # One way, a packet, and a jitter buffer of twice the jitter: the path behind the far end is not seen.
    delay = (round_trip or 0.0) / 2 + _PACKET + 2 * jitter
    gone = (lost + min(discarded, received)) / (received + lost)
    return round(mos(rating(gone, delay)), 2)


def rating(loss: float, delay: float, *, bpl: float = BPL, burst: float = 1.0) -> float:
    """The rating factor R (G.107 equation 7-1), all else at its default.

    Args:
        loss: share of packets, 0 to 1, at random.
        delay: one way, seconds.
        bpl: the codec's robustness against loss.
        burst: BurstR; 1 where losses are independent of each other.
    """
    percent = 100.0 * loss
    equipment = IE + (95.0 - IE) * percent / (percent / burst + bpl)  # 7-29
    return BASE - _delay_impairment(delay * 1000.0) - equipment


def mos(rating: float) -> float:
    """The mean opinion score for R (G.107 Annex B), 1 to 4.5."""
    if rating <= 0:
        return 1.0
    if rating >= 100:  # noqa: PLR2004 - the end of the scale
        return _MOST
    return max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)


def _delay_impairment(milliseconds: float) -> float:
    """Idd (G.107 equation 7-27)."""
    if milliseconds <= _LEAST_DELAY:
        return 0.0
    x = math.log2(milliseconds / _LEAST_DELAY)
    return float(25.0 * ((1 + x**6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2))
