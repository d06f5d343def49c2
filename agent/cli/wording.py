# SPDX-License-Identifier: GPL-3.0-or-later
"""How commands write times, spans and tables for people."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from typing import Final

from agent.core.times import instant
from agent.core.wording import clock, cut, moment, printable, span

__all__ = ["WIDTH", "at_least_one", "clock", "cut", "moment", "printable", "since", "span", "table"]

WIDTH: Final = 120


def since(text: str) -> float:
    """A time: ``2h`` ago, or ``2031-05-04``, ``2031-05-04T03:00`` (UTC unless it says); see `instant`.

    Raises:
        argparse.ArgumentTypeError: it is neither.
    """
    try:
        return instant(text, time.time())
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def at_least_one(text: str) -> int:
    """A count of what to show."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 1_000_000):  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{text!r} is not a count: write a number from 1 to 1000000")
    return int(text)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows under their heads within `WIDTH` columns; the last column gives way."""
    shown = [[printable(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(len(row[column]) for row in shown) for column in range(len(heads))]
    left = WIDTH - sum(widths[:-1]) - 2 * (len(heads) - 1)
    widths[-1] = max(min(widths[-1], left), len(heads[-1]))
    for row in shown:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        yield "  ".join([*cells, cut(row[-1], widths[-1])]).rstrip()
