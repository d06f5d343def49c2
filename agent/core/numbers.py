# SPDX-License-Identifier: GPL-3.0-or-later
"""The number map: which rule, and so which projects, take a dialled number.

A number is digits; the ``+`` of the international form is dropped on both sides, so ``+4420…`` and ``4420…``
are one number. The most specific rule wins: exact, then range, then the longer prefix.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from urllib.parse import unquote

from agent.core.frozen import NOTHING, FrozenDict

LONGEST_NUMBER = 32
"""Digits; E.164 ends at 15, routing prefixes make them longer."""

_SEPARATORS = str.maketrans("", "", " -.()")
_NUMBER = re.compile(rf"\+?([0-9]{{1,{LONGEST_NUMBER}}})", re.ASCII)
_RANGE = re.compile(rf"\+?([0-9]{{1,{LONGEST_NUMBER}}})\s*-\s*\+?([0-9]{{1,{LONGEST_NUMBER}}})", re.ASCII)
_PREFIX = re.compile(rf"\+?([0-9]{{0,{LONGEST_NUMBER}}})\*", re.ASCII)
_SHARED_ENOUGH = 4
_MOST_EXTRA_DIGITS = 4

Where = tuple[tuple[str, ...], FrozenDict[str, str], str]


class Kind(StrEnum):
    """How specific a rule is, the most specific first."""

    EXACT = "exact"
    RANGE = "range"
    PREFIX = "prefix"


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a key of a number map covers.

    ``low`` and ``high`` are digits: the same number twice for an exact one, the ends of a range (both
    included), the prefix twice for a prefix.
    """

    kind: Kind
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class NumberRule:
    """One entry of a number map, and where it is written (line from 1)."""

    pattern: str
    projects: tuple[str, ...]
    labels: Mapping[str, str] = NOTHING
    file: str = ""
    line: int = 0

    @property
    def place(self) -> str:
        """``file:line``."""
        return f"{self.file}:{self.line}"

    @property
    def kind(self) -> Kind:
        """How specific the rule is."""
        return parse_pattern(self.pattern).kind


def parse_pattern(text: str) -> Pattern:
    """Read a key: ``9995550100``, ``9995550200-9995550299``, ``99955503*``, or ``*`` for all numbers.

    Raises:
        ValueError: it is none of these; one line says what would be right.
    """
    if match := _NUMBER.fullmatch(text):
        return Pattern(Kind.EXACT, match[1], match[1])
    if match := _PREFIX.fullmatch(text):
        return Pattern(Kind.PREFIX, match[1], match[1])
    match = _RANGE.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text!r} is not a number: write digits (9995550100), a range (9995550200-9995550299) "
            "or a prefix (99955503*)"
        )
    low, high = match[1], match[2]
    if len(low) != len(high):
        raise ValueError(f"the ends of {text} differ in length: write both with {len(low)} digits")
    if low > high:
        raise ValueError(f"{text} runs backwards: write {high}-{low}")
    return Pattern(Kind.RANGE, low, high)


def normalise(user: str, strip: Sequence[str] = ()) -> str:
    """Bring the user part of a SIP URI (or a header's value) to the digits that maps are keyed by.

    Percent-escapes are undone, parameters after ``;`` (RFC 3966) and visual separators go, then the longest
    of the carrier's ``strip`` prefixes that fits and leaves something, then a ``+``.

    Returns:
        The number; for a text that is no number whatever is left of it, which no rule matches.
    """
    number = unquote(user).partition(";")[0].translate(_SEPARATORS)
    fitting = [prefix for prefix in strip if number.startswith(prefix) and len(number) > len(prefix)]
    if fitting:
        number = number[max(map(len, fitting)) :]
    return number.removeprefix("+")


class NumberMap:
    """Rules, indexed: a look-up takes microseconds however many there are. Never changes; can be pickled.

    Rules are kept in columns and not as objects, so that unpickling a hundred thousand of them, which the
    loop of a running agent does on a reload, is quick.
    """

    __slots__ = (
        "_exact",
        "_key_rules",
        "_keys",
        "_lengths",
        "_lines",
        "_patterns",
        "_prefixes",
        "_ranges",
        "_wheres",
        "_which",
    )

    def __init__(self, rules: Iterable[NumberRule] = ()) -> None:
        """Index the rules.

        Raises:
            ValueError: a key can't be read, two rules have the same one, or two ranges overlap.
        """
        self._patterns: list[str] = []
        self._wheres: list[Where] = []
        self._which = array("L")
        self._lines = array("L")
        self._exact: dict[str, int] = {}
        self._prefixes: dict[str, int] = {}
        self._ranges: list[tuple[int, str, str, int]] = []
        wheres: dict[Where, int] = {}
        for index, rule in enumerate(rules):
            where = (rule.projects, FrozenDict(rule.labels), rule.file)
            if where not in wheres:
                wheres[where] = len(self._wheres)
                self._wheres.append(where)
            self._patterns.append(rule.pattern)
            self._which.append(wheres[where])
            self._lines.append(rule.line)
            self._add(index, rule.pattern)
        self._ranges.sort()
        for before, after in pairwise(self._ranges):
            if before[0] == after[0] and after[1] <= before[2]:
                raise ValueError(f"{self._patterns[before[3]]} and {self._patterns[after[3]]} overlap")
        self._lengths = tuple(sorted({len(prefix) for prefix in self._prefixes}, reverse=True))
        starts = [*self._exact.items(), *self._prefixes.items()]
        starts = sorted(starts + [(low, index) for _, low, _, index in self._ranges])
        self._keys = [key for key, _ in starts]
        self._key_rules = array("L", (index for _, index in starts))

    def _add(self, index: int, text: str) -> None:
        pattern = parse_pattern(text)
        low = text if text == pattern.low else pattern.low  # one object where possible: pickled once
        if pattern.kind is Kind.RANGE:
            self._ranges.append((len(low), low, pattern.high, index))
            return
        table = self._exact if pattern.kind is Kind.EXACT else self._prefixes
        if table.setdefault(low, index) != index:
            raise ValueError(f"{text} is there twice")

    def _rule(self, index: int) -> NumberRule:
        projects, labels, file = self._wheres[self._which[index]]
        return NumberRule(self._patterns[index], projects, labels, file, self._lines[index])

    def __len__(self) -> int:
        return len(self._patterns)

    def __iter__(self) -> Iterator[NumberRule]:
        return map(self._rule, range(len(self._patterns)))

    def match(self, number: str) -> NumberRule | None:
        """The rule that takes ``number`` (normalised), None if there is none."""
        return next(self.matches(number), None)

    def matches(self, number: str) -> Iterator[NumberRule]:
        """All rules that cover ``number``, the most specific first: it takes it and hides the others."""
        number = number.removeprefix("+")
        if not (number.isascii() and number.isdigit() and len(number) <= LONGEST_NUMBER):
            return
        index = self._exact.get(number)
        if index is not None:
            yield self._rule(index)
        index = self._range_of(number)
        if index is not None:
            yield self._rule(index)
        for length in self._lengths:
            index = self._prefixes.get(number[:length]) if length <= len(number) else None
            if index is not None:
                yield self._rule(index)

    def _range_of(self, number: str) -> int | None:
        position = bisect_right(self._ranges, (len(number), number, "~", 0)) - 1
        if position < 0:
            return None
        length, _low, high, index = self._ranges[position]
        return index if length == len(number) and number <= high else None

    def nearest(self, number: str) -> NumberRule | None:
        """The rule ``number`` was most likely meant for, to be told to a person; None if none is near.

        In this order: a rule that takes it, one that takes it with up to four digits fewer in front, one that
        takes it after one digit is corrected, added, left out or swapped, one that shares most of its leading
        digits.
        """
        number = number.removeprefix("+")
        if not (number.isascii() and number.isdigit() and len(number) <= LONGEST_NUMBER):
            return None
        rule = self.match(number)
        if rule is not None:
            return rule
        for extra in range(1, min(_MOST_EXTRA_DIGITS + 1, len(number))):
            index = self._specific(number[extra:])
            if index is not None:
                return self._rule(index)
        for variant in _one_edit_away(number):
            index = self._specific(variant)
            if index is not None:
                return self._rule(index)
        return self._neighbour(number)

    def _specific(self, number: str) -> int | None:
        index = self._exact.get(number)
        return index if index is not None else self._range_of(number)

    def _neighbour(self, number: str) -> NumberRule | None:
        position = bisect_left(self._keys, number)
        around = range(max(position - 1, 0), min(position + 1, len(self._keys)))
        found = ((_shared(number, self._keys[at]), -self._key_rules[at]) for at in around)
        shared, index = max(found, default=(0, 0))
        return self._rule(-index) if shared >= min(_SHARED_ENOUGH, len(number)) else None


def _shared(one: str, other: str) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _one_edit_away(number: str) -> Iterator[str]:
    """Numbers one slip of the finger away: swapped, wrong, superfluous and missing digits, from the end."""
    for at in reversed(range(len(number))):
        head, digit, tail = number[:at], number[at], number[at + 1 :]
        if tail:
            yield head + tail[0] + digit + tail[1:]
        for other in sorted("0123456789".replace(digit, ""), key=lambda other: abs(int(other) - int(digit))):
            yield head + other + tail
        yield head + tail
    for at in reversed(range(len(number) + 1)):
        for other in "0123456789":
            yield number[:at] + other + number[at:]
