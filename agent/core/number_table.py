# SPDX-License-Identifier: GPL-3.0-or-later
"""One table of a number map: the numbers of one kind and one length, sorted, searched where they lie."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Final, TypeAlias

from agent.core.number_block import LONG, LONGEST_LONG, Table
from agent.core.numbers import Kind

_SIZE: Final = 8


class _Digits:
    """A column of numbers beyond 64 bits, which lie there as digits."""

    __slots__ = ("_view", "_width")

    def __init__(self, view: memoryview, width: int) -> None:
        self._view, self._width = view, width

    def __len__(self) -> int:
        return len(self._view) // self._width

    def __getitem__(self, position: int) -> int:
        return int(bytes(self._view[position * self._width : (position + 1) * self._width]))


_Column: TypeAlias = "memoryview[int] | _Digits"


class NumberTable:
    """A table: up to 19 digits its numbers are 64 bits each, and C bisects them.

    Args:
        view: of the block that it lies in.
        table: where.
    """

    __slots__ = ("_first", "_highs", "_lows", "kind", "width")

    def __init__(self, view: memoryview, table: Table) -> None:
        self.kind, self.width = table.kind, table.width
        self._first = table.first
        self._lows = _column(view, table.lows, table)
        self._highs = _column(view, table.highs, table) if table.kind is Kind.RANGE else self._lows

    def holding(self, digits: str) -> int | None:
        """The id of the rule that covers exactly these digits, as many as the table's are long."""
        number = int(digits or "0")  # the prefix of no digits is *
        position = bisect_right(self._lows, number) - 1
        return self._first + position if position >= 0 and number <= self._highs[position] else None

    def around(self, digits: str) -> Iterator[tuple[int, str]]:
        """The ids and first numbers of the rules before and behind the place where these digits belong."""
        at = self._position(digits)
        for position in range(max(at - 1, 0), min(at + 1, len(self._lows))):
            yield self._first + position, self._low(position)

    def beginning_with(self, digits: str, most: int) -> Iterator[int]:
        """The ids of the first rules whose first number begins so."""
        at = self._position(digits)
        for position in range(at, min(at + most, len(self._lows))):
            if not self._low(position).startswith(digits):
                return
            yield self._first + position

    def _low(self, position: int) -> str:
        return f"{self._lows[position]:0{self.width}d}" if self.width else ""

    def _position(self, digits: str) -> int:
        """How many of the table's rules begin below ``digits``, in the order of text."""
        head = digits[: self.width]
        position = bisect_left(self._lows, int(head.ljust(self.width, "0") or "0"))
        longer = len(digits) > self.width and position < len(self._lows) and self._low(position) == head
        return position + 1 if longer else position


def _column(view: memoryview, start: int, table: Table) -> _Column:
    if table.width > LONGEST_LONG:
        return _Digits(view[start : start + table.count * table.width], table.width)
    return view[start : start + table.count * _SIZE].cast(LONG)
