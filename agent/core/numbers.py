# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers as they are dialled and as rules are written; `agent.core.number_map` finds the rule of a number.

A number is digits; the ``+`` of the international form is dropped on both sides, so ``+4420…`` and ``4420…``
are one number. The most specific rule wins: exact, then range, then the longer prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from agent.core.frozen import NOTHING

LONGEST_NUMBER = 32
"""Digits; E.164 ends at 15, routing prefixes make them longer."""

_SEPARATORS = str.maketrans("", "", " -.()")
_NUMBER = re.compile(rf"\+?([0-9]{{1,{LONGEST_NUMBER}}})", re.ASCII)
_RANGE = re.compile(rf"\+?([0-9]{{1,{LONGEST_NUMBER}}})\s*-\s*\+?([0-9]{{1,{LONGEST_NUMBER}}})", re.ASCII)
_PREFIX = re.compile(rf"\+?([0-9]{{0,{LONGEST_NUMBER}}})\*", re.ASCII)


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
    plain = text.translate(_SEPARATORS)
    if match is None and plain != text and (_NUMBER.fullmatch(plain) or _PREFIX.fullmatch(plain)):
        raise ValueError(f"{text!r} has separators, which a key has none of: write {plain}")
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
    number = user
    if not (user.isascii() and user.isdigit()):  # hardly any is more than digits
        number = unquote(user).partition(";")[0].translate(_SEPARATORS)
    longest = 0
    for prefix in strip:
        if longest < len(prefix) < len(number) and number.startswith(prefix):
            longest = len(prefix)
    number = number[longest:]
    return number.removeprefix("+")


def one_edit_away(number: str) -> Iterator[str]:
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
