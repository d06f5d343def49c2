# SPDX-License-Identifier: GPL-3.0-or-later
"""DTMF digits: how they are told by SIP INFO, and how long they last.

There is no standard for it. What public platforms send is Cisco's ``application/dtmf-relay`` (``Signal=5``,
``Duration=160``), ``application/dtmf`` with nothing but the digit, and Nortel's ``d=5``; some number the keys
``*`` and ``#`` as RFC 4733 section 3.2 does (10 and 11).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

USUAL = 160
"""Milliseconds of a digit whose length nobody said."""
SHORTEST, LONGEST = 40, 5000
"""What is sent is at least as long as receivers must hear (ITU-T Q.24), and ends some time."""

_TYPES = ("application/dtmf-relay", "application/dtmf", "application/vnd.nortelnetworks.digits")
_KEYS = "0123456789*#ABCD"
_NUMBER = re.compile(r"1[0-5]")
_SIGNAL = re.compile(r"^[ \t]*(?:signal|d)[ \t]*[=:][ \t]*(\S+)[ \t]*$", re.IGNORECASE | re.MULTILINE)
_DURATION = re.compile(
    r"^[ \t]*duration[ \t]*[=:][ \t]*(\d{1,6})[ \t]*$", re.IGNORECASE | re.MULTILINE | re.ASCII
)


@dataclass(frozen=True, slots=True)
class Press:
    """A key that was pressed: ``0`` to ``9``, ``*``, ``#``, ``A`` to ``D``, and for how long."""

    digit: str
    milliseconds: int = USUAL


def is_dtmf(content_type: str) -> bool:
    """Whether a body of this type tells of a digit; parameters of the type say nothing about that."""
    return content_type.partition(";")[0].strip().lower() in _TYPES


def from_dtmf_info(content_type: str, body: str) -> Press | None:
    """The digit that the body of an INFO tells of; None when it tells of none that there is."""
    text = body.replace("\r\n", "\n").replace("\r", "\n")
    signal = _SIGNAL.search(text)
    word = signal[1] if signal else ""
    if not signal and content_type.partition(";")[0].strip().lower() == "application/dtmf":
        word = text.strip()
    digit = _digit(word)
    if digit is None:
        return None
    duration = _DURATION.search(text)
    return Press(digit, length(int(duration[1])) if duration else USUAL)


def length(milliseconds: int) -> int:
    """How long a digit is sent that lasted so long; 0 when nobody said."""
    return max(SHORTEST, min(milliseconds, LONGEST)) if milliseconds > 0 else USUAL


def _digit(word: str) -> str | None:
    if len(word) == 1 and word.upper() in _KEYS:
        return word.upper()
    return _KEYS[int(word)] if _NUMBER.fullmatch(word) else None
