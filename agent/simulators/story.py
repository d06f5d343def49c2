# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's own story of a call: one clock for both legs and the signals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Story:
    """Lines of ``GET /calls/{id}/story``: seconds since the epoch, and a text."""

    lines: tuple[tuple[float, str], ...]

    @classmethod
    def of(cls, entries: Iterable[Mapping[str, Any]]) -> Self:
        """The story in that answer's JSON."""
        return cls(tuple((entry["when"], entry["text"]) for entry in entries))

    def first(self, *words: str) -> float | None:
        """When the first line with all these words was; None if there is no such line."""
        found = (when for when, text in self.lines if all(word in text for word in words))
        return next(found, None)
