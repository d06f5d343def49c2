# SPDX-License-Identifier: GPL-3.0-or-later
"""How commands write times, spans and tables for people."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from agent.core.times import instant

WIDTH: Final = 120
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400


def moment(when: float | None) -> str:
    """A time (seconds since the epoch) to the second, in UTC."""
    return "-" if when is None else f"{datetime.fromtimestamp(when, UTC):%Y-%m-%d %H:%M:%S}"


def clock(when: float) -> str:
    """The time of day to the millisecond, in UTC."""
    return f"{datetime.fromtimestamp(when, UTC):%H:%M:%S.%f}"[:-3]


def span(length: float) -> str:
    """How long something lasted, of seconds."""
    length = max(length, 0.0)
    if length < 1:
        return f"{length * 1000:.0f} ms"
    if length < _MINUTE:
        return f"{length:.1f} s"
    whole = round(length)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


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


def cut(text: str, width: int) -> str:
    """The text, or its beginning and a mark that there is more."""
    return text if len(text) <= width else text[: width - 1] + "…"


def printable(text: str) -> str:
    """One line without control characters: what others said must not steer a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
