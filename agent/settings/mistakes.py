# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong in the configuration, and where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from agent.core.errors import SettingsError


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
    """The configuration has mistakes; ``str()`` is one line for each."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(map(str, self.mistakes)))

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.mistakes,))
