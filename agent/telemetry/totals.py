# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts since the start, by project, for people who look at a page and not at /metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts since the start.

    Attributes:
        invites: by project and result.
        ends: by project and how the call ended.
        signals: by project and outcome.
    """

    invites: Counter[tuple[str, str]] = field(default_factory=Counter)
    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    signals: Counter[tuple[str, str]] = field(default_factory=Counter)
