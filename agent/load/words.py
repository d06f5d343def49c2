# SPDX-License-Identifier: GPL-3.0-or-later
"""SIPp's error log, told in words: what went wrong how often. Pure but for reading the file."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_STAMP: Final = re.compile(r"^\d{4}-\d\d-\d\d\s+\d\d:\d\d:\d\d\.\d+\s+[\d.]+:\s*", re.ASCII)
_UNEXPECTED: Final = re.compile(
    r"unexpected message for Call-Id '[^']*': while (?:expecting|pausing)(?: '?(?P<wanted>[^'(]*?)'?)? "
    r"\(index \d+\), received '(?P<got>[^\r\n']*)"
)
_CALL: Final = re.compile(r"[Cc]all-[Ii][Dd]:? '?[^'\s,]+'?")
_NUMBERS: Final = re.compile(r"\b\d[\d.:]*\b")
_LONGEST: Final = 200
_REFUSED_FROM: Final = 3  # the first digit of an answer that is no success (RFC 3261 section 7.2)
_MOST_KINDS: Final = 20

_KNOWN: Final[tuple[tuple[str, str], ...]] = (
    ("retransmission timeout", "a message was sent again and again and nobody answered it"),
    ("Receive timeout", "a message that the scenario waits for did not come in time"),
    ("can't be mapped to a known SIPp call", "a message came that belongs to no call of SIPp's"),
    ("Overload warning", "SIPp itself was late: this machine has too little CPU for the load and its maker"),
    ("watchdog timer", "SIPp itself was late: this machine has too little CPU for the load and its maker"),
    ("Unable to send", "a packet could not be sent (nobody listens there, or the buffer is full)"),
    ("Error on", "a socket reported an error"),
    ("Connection refused", "nobody listens at the target"),
    ("Dead call", "a message came for a call that was over"),
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A kind of error, and how often it came."""

    says: str
    times: int


def troubles(path: Path) -> tuple[Trouble, ...]:
    """What SIPp's error log says, the most frequent kind first; nothing if there is no log."""
    kinds: Counter[str] = Counter()
    try:
        with path.open(errors="replace") as file:
            for line in file:
                if _STAMP.match(line):
                    kinds[in_words(_STAMP.sub("", line).strip())] += 1
    except OSError:
        return ()
    return tuple(Trouble(says, times) for says, times in kinds.most_common(_MOST_KINDS))


def in_words(line: str) -> str:
    """One line of SIPp's error log, without its time, for people; the same kind gives the same words."""
    if found := _UNEXPECTED.search(line):
        got = found["got"].removeprefix("SIP/2.0 ").strip()
        got = got.partition(" sip:")[0] if not got[:1].isdigit() else got
        if got[:1].isdigit() and int(got[:1]) >= _REFUSED_FROM:
            return f"the answer was {got}"
        wanted = (found["wanted"] or "").strip()
        return f"{wanted} was expected and {got} came" if wanted else f"{got} came during a pause"
    for known, words in _KNOWN:
        if known in line:
            return words
    return _NUMBERS.sub("…", _CALL.sub("a call", line))[:_LONGEST]
