# SPDX-License-Identifier: GPL-3.0-or-later
"""How good the audio of a call's legs was, in words; takes the ``legs`` of a call as JSON has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from agent.core import quality


def in_words(leg: Mapping[str, Any]) -> str:
    """One leg in a line."""
    words = quality.in_words(quality.LegQuality.of(leg))
    if leg["mos"] is not None:
        words += f", MOS {leg['mos']:.2f} by estimate"
    how = ", ".join(filter(None, (leg["codec"], leg["path"])))
    return f"{leg['side']}: {words}" + (f" ({how})" if how else "")


def lowest_mos(legs: Iterable[Mapping[str, Any]]) -> str:
    """The MOS estimate of the worst leg, for a table."""
    known = [leg["mos"] for leg in legs if leg["mos"] is not None]
    return f"{min(known):.2f}" if known else "-"
