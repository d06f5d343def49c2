# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests hold the agent's own story of a call to."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from agent.simulators import story


@dataclass(frozen=True, slots=True)
class Story(story.Story):
    """The story of a call; it fails a test where a line is missing."""

    def when(self, *words: str) -> float:
        """When the first line with all these words was.

        Raises:
            AssertionError: there is none.
        """
        found = self.first(*words)
        assert found is not None, f"no line with {words} in\n{self}"
        return found

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
