# SPDX-License-Identifier: GPL-3.0-or-later
"""The number map: all rules in one block of bytes, searched in place.

A hundred thousand rules are some 3 MB, and taking a map over from the process that read it is one copy of
them, where as many Python objects are 60 MB and hold the loop for a second. See docs/decisions/0015.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from agent.core.frozen import NOTHING, FrozenDict
from agent.core.numbers import LONGEST_NUMBER, Kind, NumberRule, one_edit_away, parse_pattern

if TYPE_CHECKING:
    from mmap import mmap

_ORDER = {Kind.EXACT: 0, Kind.RANGE: 1, Kind.PREFIX: 2}
_SHARED_ENOUGH = 4
_MOST_EXTRA_DIGITS = 4
_WORD: Final = "I"
_Target: TypeAlias = tuple[tuple[str, ...], FrozenDict[str, str]]
Block: TypeAlias = "bytes | mmap"
"""What a map's rules are laid out in: bytes of this process, or memory that another one has filled."""


@dataclass(frozen=True, slots=True)
class _Table:
    """The rules of one kind whose numbers have one length, sorted.

    ``first`` is the id of the first of them, ``lows`` (and ``highs``, for ranges) where in the block their
    digits begin, ``width`` digits each.
    """

    kind: Kind
    width: int
    count: int
    first: int
    lows: int
    highs: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Where in the block everything is. Columns have one entry for each rule, by its id."""

    tables: tuple[_Table, ...]
    files: tuple[str, ...]
    count: int
    lines: int
    file_of: int
    target_of: int
    text_ends: int
    texts: int
    targets: int
    target_ends: int
    target_count: int


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
        self._take(*_laid_out(rules))

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
            return view[start : start + count * 4].cast(_WORD)

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
        known: dict[int, _Target] = {}
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

    def _rule(self, index: int, target: _Target | None = None) -> NumberRule:
        layout, ends = self._layout, self._text_ends
        projects, labels = target or self._target(self._target_of[index])
        text = self._block[layout.texts + ends[index] : layout.texts + ends[index + 1]].decode()
        return NumberRule(text, projects, labels, layout.files[self._file_of[index]], self._lines[index])

    def _target(self, which: int) -> _Target:
        start, ends = self._layout.targets, self._target_ends
        return _read(bytes(self._block[start + ends[which] : start + ends[which + 1]]))

    def _position(self, table: _Table, digits: bytes) -> int:
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

    def _low(self, table: _Table, position: int) -> bytes:
        at = table.lows + position * table.width
        return self._block[at : at + table.width]

    def _at(self, table: _Table, digits: bytes) -> int | None:
        """The id of the rule that begins with exactly ``digits``."""
        position = self._position(table, digits)
        if position < table.count and self._low(table, position) == digits:
            return table.first + position
        return None

    def _specific(self, digits: bytes, tables: dict[int, _Table]) -> int | None:
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


@lru_cache(maxsize=1024)
def _read(written: bytes) -> _Target:
    """What `_written` wrote; the newest are remembered: the same few come with every call."""
    projects, labels = json.loads(written)
    return tuple(projects), FrozenDict(labels) if labels else NOTHING


def _laid_out(rules: Iterable[NumberRule]) -> tuple[bytes, Layout]:
    found = []
    for rule in rules:
        pattern = parse_pattern(rule.pattern)
        found.append((_ORDER[pattern.kind], len(pattern.low), pattern.low, pattern.high, rule))
    found.sort(key=lambda entry: entry[:3])
    for one, other in pairwise(found):
        if one[:2] == other[:2] and (one[2] == other[2] or other[2] <= one[3]):
            first, second = one[4].pattern, other[4].pattern
            same = one[2:4] == other[2:4]
            raise ValueError(f"{second} is there twice" if same else f"{first} and {second} overlap")
    return _Builder().build(found)


class _Builder:
    """Writes the block, part after part."""

    def __init__(self) -> None:
        self._block = bytearray()
        self._files: dict[str, int] = {}
        self._targets: dict[_Target, int] = {}
        self._seen: dict[tuple[int, int], int] = {}

    def build(self, found: list[tuple[int, int, str, str, NumberRule]]) -> tuple[bytes, Layout]:
        """All of it, for rules (kind, length, low, high, rule) that are sorted and sound."""
        rules = [entry[4] for entry in found]
        tables = tuple(self._tables(found))
        layout = Layout(
            tables=tables,
            lines=self._column(rule.line for rule in rules),
            file_of=self._column(self._files.setdefault(rule.file, len(self._files)) for rule in rules),
            target_of=self._column(self._which(rule) for rule in rules),
            text_ends=self._ends([rule.pattern.encode() for rule in rules]),
            texts=self._add("".join(rule.pattern for rule in rules).encode()),
            target_ends=self._ends(written := [_written(target) for target in self._targets]),
            targets=self._add(b"".join(written)),
            target_count=len(written),
            files=tuple(self._files),
            count=len(rules),
        )
        return bytes(self._block), layout

    def _tables(self, found: list[tuple[int, int, str, str, NumberRule]]) -> Iterator[_Table]:
        kinds = {order: kind for kind, order in _ORDER.items()}
        first = 0
        while first < len(found):
            order, width = found[first][:2]
            last = first
            while last < len(found) and found[last][:2] == (order, width):
                last += 1
            lows = self._add("".join(entry[2] for entry in found[first:last]).encode())
            highs = lows
            if kinds[order] is Kind.RANGE:
                highs = self._add("".join(entry[3] for entry in found[first:last]).encode())
            yield _Table(kinds[order], width, last - first, first, lows, highs)
            first = last

    def _which(self, rule: NumberRule) -> int:
        same = (
            id(rule.projects),
            id(rule.labels),
        )  # mostly shared; quicker than what they hold
        if same not in self._seen:
            target = (rule.projects, FrozenDict(rule.labels))
            self._seen[same] = self._targets.setdefault(target, len(self._targets))
        return self._seen[same]

    def _column(self, values: Iterable[int]) -> int:
        return self._add(array(_WORD, values).tobytes())

    def _ends(self, texts: list[bytes]) -> int:
        ends = array(_WORD, [0])
        for text in texts:
            ends.append(ends[-1] + len(text))
        return self._add(ends.tobytes())

    def _add(self, part: bytes) -> int:
        start = len(self._block)
        self._block += part
        return start


def _written(target: _Target) -> bytes:
    return json.dumps([target[0], target[1]], separators=(",", ":")).encode()


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
