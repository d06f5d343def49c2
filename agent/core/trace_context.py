# SPDX-License-Identifier: GPL-3.0-or-later
"""The traceparent of somebody else (W3C Trace Context, section 3.2), as an INVITE or a request carries it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

HEADER: Final = "traceparent"
_FORM: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]*)?", re.ASCII)
_LONGEST: Final = 256
_NO_VERSION: Final = "ff"
_FIRST_VERSION: Final = "00"
_SAMPLED: Final = 1


@dataclass(frozen=True, slots=True)
class Parent:
    """The span that what we do is part of.

    Attributes:
        trace: its trace id, 32 lower-case hex digits.
        span: its own id, 16 of them.
        sampled: whether whoever began the trace records it.
    """

    trace: str
    span: str
    sampled: bool

    def __str__(self) -> str:
        return f"00-{self.trace}-{self.span}-{int(self.sampled):02x}"


def parent_of(values: Sequence[str]) -> Parent | None:
    """What the values of a message's traceparent headers say; None where that is nothing to go by.

    One that is not as W3C wants it is as good as none, and so are several (section 3.2.2, 4.3). Of a later
    version what the first one knows is read (section 4.3).
    """
    if len(values) != 1 or len(values[0]) > _LONGEST:
        return None
    found = _FORM.fullmatch(values[0].strip(" \t"))
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == _NO_VERSION or (version == _FIRST_VERSION and more):
        return None
    if not int(trace, 16) or not int(span, 16):
        return None
    return Parent(trace, span, bool(int(flags, 16) & _SAMPLED))
