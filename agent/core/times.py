# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as people write them: ``2h`` ago, ``2031-05-04T03:00``, or seconds since the epoch."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Final

from agent.core import units

_SECONDS: Final = re.compile(r"\d{1,11}(\.\d{1,9})?", re.ASCII)


def instant(text: str, now: float) -> float:
    """The time that is meant, in seconds since the epoch.

    Args:
        text: how long ago (``30m``, ``2h``, ``3d``), an ISO 8601 time or day, in UTC unless it says, or
            seconds since the epoch.
        now: seconds since the epoch.

    Raises:
        ValueError: it is none of these; the text says what would be right.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        return now - units.seconds(text)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        seconds = math.nan
    if not seconds >= 0:
        raise ValueError(f"{text[:40]!r} is not a time: write 30m, 2h, 3d, or 2031-05-04T03:00 (UTC)")
    return seconds
