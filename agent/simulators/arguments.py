# SPDX-License-Identifier: GPL-3.0-or-later
"""What a simulator's options may be; argparse tells it in a line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from enum import StrEnum
from typing import Final, TypeVar

_LONGEST: Final = 86_400.0
Choice = TypeVar("Choice", bound=StrEnum)


def seconds(text: str) -> float:
    """A time of 0 s to a day.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text!r}: write seconds, from 0 to {_LONGEST:g}")
    return found


def one_of(kind: type[Choice]) -> Callable[[str], Choice]:
    """What reads one of the values of an enumeration, or says which there are."""

    def read(text: str) -> Choice:
        try:
            return kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r}: choose from {', '.join(kind)}") from None

    return read
