# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's own story of a call: the one clock by which both legs and the signals are told."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Story:
    """Lines of ``GET /calls/{id}/story``: seconds since the epoch, and a text."""

    lines: tuple[tuple[float, str], ...]

    def when(self, *words: str) -> float:
        """When the first line with all these words was.

        Raises:
            AssertionError: there is none.
        """
        found = [when for when, text in self.lines if all(word in text for word in words)]
        assert found, f"no line with {words} in\n{self}"
        return found[0]

    def in_order(self, *places: tuple[str, ...]) -> None:
        """Hold the first lines with these words to this order.

        Raises:
            AssertionError: one is missing, or they came otherwise; the text holds the story.
        """
        times = [self.when(*words) for words in places]
        for place, (earlier, later) in enumerate(pairwise(times)):
            assert earlier <= later, f"{places[place]} after {places[place + 1]} in\n{self}"

    def __str__(self) -> str:
        """The lines as a table."""
        return "\n".join(f"{when:.6f} {text}" for when, text in self.lines)
