# SPDX-License-Identifier: GPL-3.0-or-later
"""How the rules of a number map lie in one block of bytes, and how they are laid out there.

Tables of numbers come first, by kind and length and sorted, then columns with one entry a rule, then texts.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from operator import itemgetter
from typing import Final, TypeAlias

from agent.core.frozen import NOTHING, FrozenDict
from agent.core.numbers import Kind, NumberRule, Pattern, parse_pattern

WORD: Final = "I"
"""One entry of a column, as `array` and `memoryview` name it."""
LONG: Final = "Q"
"""The same of a table whose numbers fit into 64 bits."""
LONGEST_LONG: Final = 19
"""Digits of the longest numbers of which all fit (2**64 has 20)."""
Target: TypeAlias = tuple[tuple[str, ...], FrozenDict[str, str]]
"""The projects and labels that a rule leads to; mostly shared by many."""

_ORDER = {Kind.EXACT: 0, Kind.RANGE: 1, Kind.PREFIX: 2}


@dataclass(frozen=True, slots=True)
class Table:
    """The rules of one kind whose numbers have one length, sorted.

    ``first`` is the id of the first of them, ``lows`` (and ``highs``, for ranges) where in the block their
    numbers begin: 64 bits each up to `LONGEST_LONG` digits, which C can search; digits beyond that.
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

    tables: tuple[Table, ...]
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


@lru_cache(maxsize=1024)
def read(written: bytes) -> Target:
    """What `_written` wrote; the newest are remembered: the same few come with every call."""
    projects, labels = json.loads(written)
    return tuple(projects), FrozenDict(labels) if labels else NOTHING


def laid_out(rules: Iterable[NumberRule]) -> tuple[bytes, Layout]:
    """Rules in a block of their own, and where in it everything is.

    Raises:
        ValueError: a key can't be read, two rules have the same one, or two ranges overlap.
    """
    return laid_out_read((rule, parse_pattern(rule.pattern)) for rule in rules)


def laid_out_read(rules: Iterable[tuple[NumberRule, Pattern]]) -> tuple[bytes, Layout]:
    """The same of rules whose keys were read already.

    Raises:
        ValueError: two rules have the same key, or two ranges overlap.
    """
    found = [
        (_ORDER[pattern.kind], len(pattern.low), pattern.low, pattern.high, rule) for rule, pattern in rules
    ]
    found.sort(key=itemgetter(0, 1, 2))
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
        self._targets: dict[Target, int] = {}
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

    def _tables(self, found: list[tuple[int, int, str, str, NumberRule]]) -> Iterator[Table]:
        kinds = {order: kind for kind, order in _ORDER.items()}
        first = 0
        while first < len(found):
            order, width = found[first][:2]
            last = bisect_right(found, (order, width), first, key=itemgetter(0, 1))
            lows = self._numbers(width, [entry[2] for entry in found[first:last]])
            highs = lows
            if kinds[order] is Kind.RANGE:
                highs = self._numbers(width, [entry[3] for entry in found[first:last]])
            yield Table(kinds[order], width, last - first, first, lows, highs)
            first = last

    def _numbers(self, width: int, digits: list[str]) -> int:
        if width > LONGEST_LONG:
            return self._add("".join(digits).encode())
        return self._add(array(LONG, [int(number or "0") for number in digits]).tobytes())

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
        return self._add(array(WORD, values).tobytes())

    def _ends(self, texts: list[bytes]) -> int:
        ends = array(WORD, [0])
        for text in texts:
            ends.append(ends[-1] + len(text))
        return self._add(ends.tobytes())

    def _add(self, part: bytes) -> int:
        start = len(self._block)
        self._block += part
        return start


def written_text(text: str) -> bytes:
    """How a text stands within what `read` reads."""
    return json.dumps(text)[1:-1].encode()


def _written(target: Target) -> bytes:
    return json.dumps([target[0], target[1]], separators=(",", ":")).encode()
