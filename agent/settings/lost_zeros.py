# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers that seem to have lost the zeros in front of them in a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from agent.core.numbers import Kind, NumberRule, parse_pattern

_TAIL: Final = 3  # digits in which neighbours differ
_LEAST: Final = 6
_Block: TypeAlias = tuple[int, str]


def lost_zeros(rules: Iterable[NumberRule]) -> Iterator[str]:
    """A note for each CSV of which numbers have no zero in front, and others of their block have one.

    It can be no mistake, since carriers may send both forms; and where all have lost it, nobody can tell.
    """
    bare: dict[_Block, list[NumberRule]] = {}
    with_zeros: dict[_Block, NumberRule] = {}
    for rule in rules:
        pattern = parse_pattern(rule.pattern)
        digits = pattern.low.lstrip("0")
        if pattern.kind is Kind.PREFIX or len(digits) < _LEAST:
            continue
        block = (len(digits), digits[:-_TAIL])
        if digits != pattern.low:
            with_zeros.setdefault(block, rule)
        elif rule.file.endswith(".csv"):
            bare.setdefault(block, []).append(rule)
    found: dict[str, tuple[NumberRule, NumberRule, int]] = {}
    for block in bare.keys() & with_zeros.keys():
        for rule in bare[block]:
            first, like, count = found.get(rule.file, (rule, with_zeros[block], 0))
            earlier = (rule, with_zeros[block]) if rule.line < first.line else (first, like)
            found[rule.file] = (*earlier, count + 1)
    for _, (rule, like, count) in sorted(found.items()):
        more = f" (and {count - 1} more of this file)" if count > 1 else ""
        yield (
            f"{rule.place}: {rule.pattern}{more} has no 0 in front, as {like.pattern} has at {like.place}: "
            "spreadsheets drop it unless the column is text; add it if carriers send it"
        )
