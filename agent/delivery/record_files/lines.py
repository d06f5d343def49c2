# SPDX-License-Identifier: GPL-3.0-or-later
"""What lines of record files say of themselves: which call, and its number. Others are passed over."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.core.errors import AgentError
from agent.delivery.record_files.names import GZIP

_HIGHEST: Final = 1 << 53
"""A number beyond it is none that a storage gave: what follows it must have room."""


class RecordFileError(AgentError):
    """A record file can't be used, for a reason that is not the system's."""

    retryable = True


@dataclass(frozen=True, slots=True)
class Line:
    """A line of ours.

    Attributes:
        number: the call's among those that its node ended.
        call_id: the call's; empty where it can't be told.
    """

    number: int
    call_id: str


NONE: Final = Line(0, "")
"""Stands for the last line where there is none."""


def line_of(text: bytes) -> Line | None:
    """A line as it says of itself; None for one that is none of ours."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    number, call_id = found.get("sequence"), found.get("call_id")
    if type(number) is not int or not 0 < number < _HIGHEST or not isinstance(call_id, str):
        return None
    return Line(number, call_id) if call_id else None


def last_of(text: bytes) -> Line | None:
    """The last line of ours in some whole lines."""
    lines = (line_of(line) for line in reversed(text.split(b"\n")))
    return next((line for line in lines if line is not None), None)


def lines_in(path: Path) -> Iterator[Line]:
    """The lines of ours in a file, compressed or not, one by one.

    Raises:
        RecordFileError: it can't be read.
    """
    try:
        with gzip.open(path) if path.suffix == GZIP else path.open("rb") as file:
            for text in file:
                if (line := line_of(text)) is not None:
                    yield line
    except (OSError, EOFError, zlib.error) as error:
        raise RecordFileError(f"{path} can't be read ({error}): move it away") from error
