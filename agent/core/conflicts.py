# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of a number map that contradict each other: twice the same, overlapping, or never reached."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.core.numbers import LONGEST_NUMBER, Kind, NumberRule, Pattern


@dataclass(frozen=True, slots=True)
class Conflict:
    """What is wrong with the rule at ``index``; the text names the place of the other rule."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class ConflictReport:
    """What was found, and the rules that can stand in a map together, with what their keys cover."""

    conflicts: tuple[Conflict, ...]
    read: tuple[tuple[NumberRule, Pattern], ...]

    @property
    def sound(self) -> tuple[NumberRule, ...]:
        """The rules alone."""
        return tuple(rule for rule, _ in self.read)


def find_conflicts(rules: Sequence[tuple[NumberRule, Pattern]]) -> ConflictReport:
    """Find all contradictions among rules in the order in which they are written.

    The later of two rules that contradict each other is blamed.
    """
    found = [*_repeated(rules)]
    bad = {conflict.index for conflict in found}
    found += _overlapping([(index, *rule) for index, rule in enumerate(rules) if index not in bad])
    bad = {conflict.index for conflict in found}
    left = [(index, *rule) for index, rule in enumerate(rules) if index not in bad]
    if any(pattern.kind is not Kind.EXACT for _, _, pattern in left):
        found += _Coverage(left).never_reached()
    sound = tuple(entry for index, entry in enumerate(rules) if index not in bad) if bad else tuple(rules)
    return ConflictReport(tuple(found), sound)


def _repeated(rules: Sequence[tuple[NumberRule, Pattern]]) -> Iterator[Conflict]:
    first: dict[tuple[Kind, str, str], NumberRule] = {}
    for index, (rule, pattern) in enumerate(rules):
        earlier = first.setdefault((pattern.kind, pattern.low, pattern.high), rule)
        if earlier is not rule:
            yield Conflict(index, f"{rule.pattern} is there already, at {earlier.place}: leave one out")


def _overlapping(rules: Sequence[tuple[int, NumberRule, Pattern]]) -> Iterator[Conflict]:
    taken: list[tuple[int, str, str, NumberRule]] = []  # disjoint, by length and low end
    for index, rule, pattern in rules:
        if pattern.kind is not Kind.RANGE:
            continue
        length = len(pattern.low)
        position = bisect_left(taken, (length, pattern.low), key=lambda entry: entry[:2])
        for other in taken[max(position - 1, 0) : position + 1]:
            if other[0] == length and other[1] <= pattern.high and pattern.low <= other[2]:
                text = f"overlaps {other[3].pattern} at {other[3].place}: make them disjoint"
                yield Conflict(index, f"{rule.pattern} {text}")
                break
        else:
            taken.insert(position, (length, pattern.low, pattern.high, rule))


class _Coverage:
    """Whether more specific rules leave anything for a range or a prefix."""

    def __init__(self, rules: Sequence[tuple[int, NumberRule, Pattern]]) -> None:
        self._rules = rules
        self._exact = {pattern.low: rule for _, rule, pattern in rules if pattern.kind is Kind.EXACT}
        self._numbers = sorted(self._exact, key=lambda number: (len(number), number))
        self._keys = [(len(number), number) for number in self._numbers]
        self._prefixes = {pattern.low: rule for _, rule, pattern in rules if pattern.kind is Kind.PREFIX}
        self._ranges = sorted(
            (len(pattern.low), pattern.low, pattern.high)
            for _, _, pattern in rules
            if pattern.kind is Kind.RANGE
        )

    def never_reached(self) -> Iterator[Conflict]:
        for index, rule, pattern in self._rules:
            if pattern.kind is Kind.RANGE and self._full_of_exact(pattern):
                first = self._exact[pattern.low]
                text = f"each of its numbers has a rule of its own, the first at {first.place}"
                yield Conflict(index, f"{rule.pattern} can never match: {text}")
            elif pattern.kind is Kind.PREFIX and self._prefix_hidden(pattern.low):
                other = self._prefixes.get(pattern.low + "0") or self._exact.get(pattern.low)
                where = f", one of them at {other.place}" if other else ""
                yield Conflict(
                    index, f"{rule.pattern} can never match: more specific rules take all of it{where}"
                )

    def _full_of_exact(self, pattern: Pattern) -> bool:
        low = bisect_left(self._keys, (len(pattern.low), pattern.low))
        high = bisect_right(self._keys, (len(pattern.high), pattern.high))
        return high - low == int(pattern.high) - int(pattern.low) + 1

    def _prefix_hidden(self, prefix: str) -> bool:
        """Whether ``prefix`` itself and all that is longer is taken by others than its own rule."""
        return self._taken(prefix) and all(self._branch_taken(prefix + digit) for digit in "0123456789")

    def _branch_taken(self, prefix: str) -> bool:
        if prefix in self._prefixes or len(prefix) > LONGEST_NUMBER:
            return True
        return self._prefix_hidden(prefix)

    def _taken(self, number: str) -> bool:
        if not number:
            return True  # no call is to the empty number
        if number in self._exact:
            return True
        position = bisect_right(self._ranges, (len(number), number, "~")) - 1
        if position < 0:
            return False
        length, _low, high = self._ranges[position]
        return length == len(number) and number <= high
