# SPDX-License-Identifier: GPL-3.0-or-later
"""Enums of words whose ``value`` costs next to nothing."""

from __future__ import annotations

from enum import StrEnum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

read_value: Final[Any] = property(attrgetter("_value_"))
"""The value of an enum's member as `enum` has it, read in C: its own way takes a microsecond, and a call
reads some thirty."""


class Word(StrEnum):
    """A `StrEnum` with that."""

    if not TYPE_CHECKING:  # where it would look like one more word
        value = read_value
