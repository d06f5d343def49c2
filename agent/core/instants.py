# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as JSON documents of ours write them."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(seconds: float) -> str:
    """Seconds since the epoch as ``2031-05-04T03:12:09.015Z`` (RFC 3339), in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
