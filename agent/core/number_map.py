# SPDX-License-Identifier: GPL-3.0-or-later
"""The number map: all rules in one block of bytes, searched in place.

A hundred thousand rules are some 3 MB, and taking a map over from the process that read it is one copy of
them, where as many Python objects are 60 MB and hold the loop for a second. See docs/decisions/0015.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from agent.core.number_block import WORD, Layout, Table, Target, laid_out, read
from agent.core.numbers import LONGEST_NUMBER, Kind, NumberRule, one_edit_away

if TYPE_CHECKING:
    from mmap import mmap

__all__ = ["Block", "Layout", "NumberMap"]

_SHARED_ENOUGH = 4
_MOST_EXTRA_DIGITS = 4
Block: TypeAlias = "bytes | mmap"
"""What a map's rules are laid out in: bytes of this process, or memory that another one has filled."""


class NumberMap:
    """Rules, searched in place: a look-up takes microseconds however many there are. Never changes."""

    __slots__ = (
        "_block",
        "_exact",
        "_file_of",
        "_layout",
        "_lines",
        "_prefixes",
        "_ranges",
        "_target_ends",
        "_target_of",
        "_text_ends",
    )

    def __init__(self, rules: Iterable[NumberRule] = ()) -> None:
        """Lay the rules out.

        Raises:
            ValueError: a key can't be read, two rules have the same one, or two ranges overlap.
        """
        self._take(*laid_out(rules))

    @classmethod
    def over(cls, block: Block, layout: Layout) -> NumberMap:
        """The map whose `block` and `layout` these are, without a copy."""
        numbers = cls.__new__(cls)
        numbers._take(block, layout)  # noqa: SLF001 - it is one of ours
        return numbers

    def _take(self, block: Block, layout: Layout) -> None:
        self._block, self._layout = block, layout
        view = memoryview(block)

        def column(start: int, count: int) -> memoryview:
            return view[start : start + count * 4].cast(WORD)

        self._lines = column(layout.lines, layout.count)
        self._file_of = column(layout.file_of, layout.count)
        self._target_of = column(layout.target_of, layout.count)
        self._text_ends = column(layout.text_ends, layout.count + 1)
        self._target_ends = column(layout.target_ends, layout.target_count + 1)
        tables = layout.tables
        self._exact = {table.width: table for table in tables if table.kind is Kind.EXACT}
        self._ranges = {table.width: table for table in tables if table.kind is Kind.RANGE}
        self._prefixes = [table for table in reversed(tables) if table.kind is Kind.PREFIX]

    def __reduce__(self) -> tuple[Any, ...]:
        return (NumberMap.over, (self._block[:], self._layout))

    def __len__(self) -> int:
        return self._layout.count

    def __iter__(self) -> Iterator[NumberRule]:
        known: dict[int, Target] = {}
        for index in range(self._layout.count):
            which = self._target_of[index]
            if which not in known:
                known[which] = self._target(which)
            yield self._rule(index, known[which])

    @property
    def block(self) -> Block:
        """All rules, as they lie in memory; meant to be read by `over`."""
        return self._block

    @property
    def layout(self) -> Layout:
        """Where in the block everything is; a few small tuples."""
        return self._layout

    def match(self, number: str) -> NumberRule | None:
        """The rule that takes ``number`` (normalised), None if there is none."""
        return next(self.matches(number), None)

    def matches(self, number: str) -> Iterator[NumberRule]:
        """All rules that cover ``number``, the most specific first: it takes it and hides the others."""
        digits = _digits(number)
        if digits is None:
            return
        if (index := self._specific(digits, self._exact)) is not None:
            yield self._rule(index)
        if (index := self._within(digits)) is not None:
            yield self._rule(index)
        for table in self._prefixes:
            if table.width <= len(digits):
                index = self._at(table, digits[: table.width])
                if index is not None:
                    yield self._rule(index)

    def nearest(self, number: str) -> NumberRule | None:
        """The rule ``number`` was most likely meant for, to be told to a person; None if none is near.

        In this order: a rule that takes it, one that takes it with up to four digits fewer in front, one that
        takes it after one digit is corrected, added, left out or swapped, one that shares most of its leading
        digits.
        """
        digits = _digits(number)
        if digits is None:
            return None
        rule = self.match(number)
        if rule is not None:
            return rule
        for extra in range(1, min(_MOST_EXTRA_DIGITS + 1, len(digits))):
            index = self._exact_or_within(digits[extra:])
            if index is not None:
                return self._rule(index)
        for variant in one_edit_away(digits.decode()):
            index = self._exact_or_within(variant.encode())
            if index is not None:
                return self._rule(index)
        return self._neighbour(digits)

    # -- in the block ------------------------------------------------------------------------------------

    def _rule(self, index: int, target: Target | None = None) -> NumberRule:
        layout, ends = self._layout, self._text_ends
        projects, labels = target or self._target(self._target_of[index])
        text = self._block[layout.texts + ends[index] : layout.texts + ends[index + 1]].decode()
        return NumberRule(text, projects, labels, layout.files[self._file_of[index]], self._lines[index])

    def _target(self, which: int) -> Target:
        start, ends = self._layout.targets, self._target_ends
        return read(bytes(self._block[start + ends[which] : start + ends[which + 1]]))

    def _position(self, table: Table, digits: bytes) -> int:
        """How many of the table's rules begin below ``digits``."""
        block, width, start = self._block, table.width, table.lows
        low, high = 0, table.count
        while low < high:
            middle = (low + high) // 2
            at = start + middle * width
            if block[at : at + width] < digits:
                low = middle + 1
            else:
                high = middle
        return low

    def _low(self, table: Table, position: int) -> bytes:
        at = table.lows + position * table.width
        return self._block[at : at + table.width]

    def _at(self, table: Table, digits: bytes) -> int | None:
        """The id of the rule that begins with exactly ``digits``."""
        position = self._position(table, digits)
        if position < table.count and self._low(table, position) == digits:
            return table.first + position
        return None

    def _specific(self, digits: bytes, tables: dict[int, Table]) -> int | None:
        table = tables.get(len(digits))
        return self._at(table, digits) if table is not None else None

    def _within(self, digits: bytes) -> int | None:
        """The id of the range that holds ``digits``."""
        table = self._ranges.get(len(digits))
        if table is None:
            return None
        position = self._position(table, digits)
        if position == table.count or self._low(table, position) != digits:
            position -= 1
        at = table.highs + position * table.width
        return (
            table.first + position if position >= 0 and digits <= self._block[at : at + table.width] else None
        )

    def _exact_or_within(self, digits: bytes) -> int | None:
        index = self._specific(digits, self._exact)
        return index if index is not None else self._within(digits)

    def _neighbour(self, digits: bytes) -> NumberRule | None:
        best, chosen = 0, -1
        for table in self._layout.tables:
            position = self._position(table, digits)
            for at in range(max(position - 1, 0), min(position + 1, table.count)):
                shared = _shared(digits, self._low(table, at))
                if shared > best:
                    best, chosen = shared, table.first + at
        return self._rule(chosen) if best >= min(_SHARED_ENOUGH, len(digits)) else None


def _digits(number: str) -> bytes | None:
    number = number.removeprefix("+")
    if number.isascii() and number.isdigit() and len(number) <= LONGEST_NUMBER:
        return number.encode()
    return None


def _shared(one: bytes, other: bytes) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count
