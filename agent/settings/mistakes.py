# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong in the configuration, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from agent.core.errors import SettingsError

MOST_TOLD: Final = 200
"""Mistakes that a running agent is told of; `handoff-agent check` tells all."""


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake; ``line`` and ``column`` count from 1, as editors do."""

    file: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.text}"


class Mistakes(SettingsError):  # noqa: N818 - the name says what it holds
    """The configuration has mistakes; ``str()`` is one line for each.

    Args:
        mistakes: in any order.
        more: how many there are beside them.
    """

    def __init__(self, mistakes: Iterable[Mistake], more: int = 0) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        self.more = more
        lines = [str(mistake) for mistake in self.mistakes]
        if more:
            lines.append(f"and {more} more mistakes: handoff-agent check tells them all")
        super().__init__("\n".join(lines))

    def first(self, most: int) -> Mistakes:
        """The same with no more than so many told: a file may be wrong in each of its lines."""
        left_out = len(self.mistakes) - most
        return self if left_out <= 0 else Mistakes(self.mistakes[:most], self.more + left_out)

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.mistakes, self.more))
