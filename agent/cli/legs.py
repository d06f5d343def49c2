# SPDX-License-Identifier: GPL-3.0-or-later
"""How good the audio of a call's legs was, in words; takes the ``legs`` of a call as JSON has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def in_words(leg: Mapping[str, Any]) -> str:
    """One leg in a line."""
    parts = [
        f"{leg['received']} RTP packets in",
        f"{leg['lost']} lost",
        f"{leg['sent']} out",
        f"jitter {leg['jitter'] * 1000:.1f} ms",
    ]
    if leg["round_trip"] is not None:
        parts.append(f"round trip {leg['round_trip'] * 1000:.1f} ms")
    if leg["strays"]:
        parts.append(f"{leg['strays']} from elsewhere dropped (media.latch)")
    if leg["mos"] is not None:
        parts.append(f"MOS {leg['mos']:.2f} by estimate")
    how = ", ".join(filter(None, (leg["codec"], leg["path"])))
    return f"{leg['side']}: {', '.join(parts)}" + (f" ({how})" if how else "")


def lowest_mos(legs: Iterable[Mapping[str, Any]]) -> str:
    """The MOS estimate of the worst leg, for a table."""
    known = [leg["mos"] for leg in legs if leg["mos"] is not None]
    return f"{min(known):.2f}" if known else "-"
