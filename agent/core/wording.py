# SPDX-License-Identifier: GPL-3.0-or-later
"""How times, spans and texts are written for people, by commands and on pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

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


def cut(text: str, width: int) -> str:
    """The text, or its beginning and a mark that there is more."""
    return text if len(text) <= width else text[: width - 1] + "…"


def printable(text: str) -> str:
    """One line without control characters: what others said must not steer a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
