# SPDX-License-Identifier: GPL-3.0-or-later
"""The number map: all rules in one block of bytes, searched in place.

A hundred thousand rules are some 3 MB, and taking a map over from the process that read it is one copy of
them, where as many Python objects are 60 MB and hold the loop for a second. See docs/decisions/0015.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from agent.core.number_block import WORD, Layout, Target, laid_out, laid_out_read, read, written_text
from agent.core.number_table import NumberTable
from agent.core.numbers import LONGEST_NUMBER, Kind, NumberRule, Pattern, one_edit_away

if TYPE_CHECKING:
    from mmap import mmap

__all__ = ["Block", "Layout", "NumberMap"]

_SHARED_ENOUGH = 4
_MOST_EXTRA_DIGITS = 4
_TARGETS_KEPT = 1024
Block: TypeAlias = "bytes | mmap"
"""What a map's rules are laid out in: bytes of this process, or memory that another one has filled."""


class NumberMap:
    """Rules, searched in place: a look-up takes microseconds however many there are. Never changes."""

    __slots__ = (
        "_block",
        "_exact",
        "_file_of",
        "_files",
        "_known",
        "_layout",
        "_lines",
        "_prefixes",
        "_ranges",
        "_tables",
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
    def of(cls, rules: Iterable[tuple[NumberRule, Pattern]]) -> NumberMap:
        """The map of rules whose keys were read already; errors as above."""
        return cls.over(*laid_out_read(rules))

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
        self._files = layout.files
        self._target_of = column(layout.target_of, layout.count)
        self._text_ends = column(layout.text_ends, layout.count + 1)
        self._target_ends = column(layout.target_ends, layout.target_count + 1)
        self._known: dict[int, Target] = {}  # the newest: the same few come with every call
        self._tables = [NumberTable(view, table) for table in layout.tables]
        self._exact = {table.width: table for table in self._tables if table.kind is Kind.EXACT}
        self._ranges = {table.width: table for table in self._tables if table.kind is Kind.RANGE}
        self._prefixes = [table for table in reversed(self._tables) if table.kind is Kind.PREFIX]

    def __reduce__(self) -> tuple[Any, ...]:
        return (NumberMap.over, (self._block[:], self._layout))

    def __len__(self) -> int:
        return self._layout.count

    def __iter__(self) -> Iterator[NumberRule]:
        known: dict[int, Target] = {}
        for index in range(self._layout.count):
            which = self._target_of[index]
            if which not in known:
                known[which] = self._read(which)
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
        digits = _digits(number)
        if not digits:
            return None
        index = self._exact_or_within(digits)
        if index is None:
            index = next(self._by_prefix(digits), None)
        return None if index is None else self._rule(index)

    def matches(self, number: str) -> Iterator[NumberRule]:
        """All rules that cover ``number``, the most specific first: it takes it and hides the others."""
        digits = _digits(number)
        if not digits:
            return
        for tables in (self._exact, self._ranges):
            table = tables.get(len(digits))
            index = None if table is None else table.holding(digits)
            if index is not None:
                yield self._rule(index)
        for index in self._by_prefix(digits):
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
        rule = self.match(digits)
        if rule is not None:
            return rule
        for extra in range(1, min(_MOST_EXTRA_DIGITS + 1, len(digits))):
            index = self._exact_or_within(digits[extra:])
            if index is not None:
                return self._rule(index)
        for variant in one_edit_away(digits):
            index = self._exact_or_within(variant)
            if index is not None:
                return self._rule(index)
        return self._neighbour(digits)

    def beginning_with(self, digits: str, most: int) -> Iterator[NumberRule]:
        """The first rules whose numbers begin so, shorter ones first; not those that merely cover it."""
        if digits and not (digits.isascii() and digits.isdigit()):
            return
        left = most
        for table in self._tables:
            for index in table.beginning_with(digits, left):
                left -= 1
                yield self._rule(index)

    def mentioning(self, text: str, most: int) -> Iterator[NumberRule]:
        """The first rules of whose projects and labels (names and values) one holds this text."""
        wanted, layout, ends = written_text(text), self._layout, self._target_ends
        at = layout.targets
        until = at + (ends[-1] if len(ends) else 0)
        left = most
        while wanted and left > 0 and (at := self._block.find(wanted, at, until)) >= 0:
            which = bisect_left(ends, at - layout.targets + 1) - 1
            if _holds(self._read(which), text):
                for index in self._led_to(which, left):
                    left -= 1
                    yield self._rule(index)
            at = layout.targets + ends[which + 1]

    # -- in the block ------------------------------------------------------------------------------------

    def _rule(self, index: int, target: Target | None = None) -> NumberRule:
        start, ends = self._layout.texts, self._text_ends
        projects, labels = target or self._target(self._target_of[index])
        text = self._block[start + ends[index] : start + ends[index + 1]].decode()
        return NumberRule(text, projects, labels, self._files[self._file_of[index]], self._lines[index])

    def _target(self, which: int) -> Target:
        known = self._known.get(which)
        if known is None:
            if len(self._known) == _TARGETS_KEPT:
                self._known.clear()
            known = self._known[which] = self._read(which)
        return known

    def _read(self, which: int) -> Target:
        start, ends = self._layout.targets, self._target_ends
        return read(bytes(self._block[start + ends[which] : start + ends[which + 1]]))

    def _led_to(self, which: int, most: int) -> Iterator[int]:
        """The first rules that lead to a target: its number in the column of targets, found by C."""
        column = self._target_of
        whole, size = column.tobytes(), column.itemsize
        wanted = which.to_bytes(size, sys.byteorder)
        at = -1
        while most > 0 and (at := whole.find(wanted, at + 1)) >= 0:
            if at % size == 0:
                most -= 1
                yield at // size

    def _exact_or_within(self, digits: str) -> int | None:
        width = len(digits)
        table = self._exact.get(width)
        index = None if table is None else table.holding(digits)
        if index is None and (table := self._ranges.get(width)) is not None:
            return table.holding(digits)
        return index

    def _by_prefix(self, digits: str) -> Iterator[int]:
        for table in self._prefixes:
            if table.width <= len(digits):
                index = table.holding(digits[: table.width])
                if index is not None:
                    yield index

    def _neighbour(self, digits: str) -> NumberRule | None:
        best, chosen = 0, -1
        for table in self._tables:
            for index, low in table.around(digits):
                shared = _shared(digits, low)
                if shared > best:
                    best, chosen = shared, index
        return self._rule(chosen) if best >= min(_SHARED_ENOUGH, len(digits)) else None


def _digits(number: str) -> str | None:
    if number.isdigit() and number.isascii() and len(number) <= LONGEST_NUMBER:
        return number
    return _digits(number[1:]) if number.startswith("+") and not number.startswith("++") else None


def _holds(target: Target, text: str) -> bool:
    projects, labels = target
    return any(text in one for one in (*projects, *labels, *labels.values()))


def _shared(one: str, other: str) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count
