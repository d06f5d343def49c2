# SPDX-License-Identifier: GPL-3.0-or-later
"""Internal errors that were contained: when they come so often that the node must say so."""

from __future__ import annotations

from collections import deque
from typing import Final

AT_LEAST: Final = 3
"""Errors within `WITHIN_SECONDS` from which on the node is degraded."""
WITHIN_SECONDS: Final = 60.0


class Troubles:
    """Remembers the last few errors, each by what it happened in."""

    def __init__(self) -> None:
        self._last: deque[tuple[float, str]] = deque(maxlen=AT_LEAST)

    def took(self, where: str, now: float) -> None:
        """An error was contained; `now` is in seconds, by a clock that never runs backwards."""
        self._last.append((now, where))

    def why(self, now: float) -> str | None:
        """Why the node is degraded, in one line; None while it is not."""
        if len(self._last) < AT_LEAST or now - self._last[0][0] > WITHIN_SECONDS:
            return None
        where = ", ".join(sorted({where for _, where in self._last}))
        return f"internal errors within {WITHIN_SECONDS:.0f} s in: {where}; the log says which"
