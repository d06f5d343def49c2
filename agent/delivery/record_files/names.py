# SPDX-License-Identifier: GPL-3.0-or-later
"""How record files are called: ``NODE.jsonl`` is written to, what is done has day and number."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

SUFFIX: Final = ".jsonl"
GZIP: Final = ".gz"
PART: Final = ".part"
_DONE: Final = r"-(\d{4}-\d{2}-\d{2})-(\d{12,})\.jsonl(\.gz)?"


@dataclass(frozen=True, slots=True)
class DoneFile:
    """A file that is written to no more.

    Attributes:
        path: where it is.
        day: of the last line in it, UTC.
        last: the number of that line.
        compressed: whether it is.
    """

    path: Path
    day: date
    last: int
    compressed: bool


def active(folder: Path, node: str) -> Path:
    """The file that is written to."""
    return folder / f"{node}{SUFFIX}"


def done(folder: Path, node: str, day: date, last: int) -> Path:
    """The name of a file once it is written to no more; they sort by day and number."""
    return folder / f"{node}-{day.isoformat()}-{last:012d}{SUFFIX}"


def done_files(entries: Iterable[Path], node: str) -> list[DoneFile]:
    """Those of a node among the files of a folder, oldest first; other files are nobody's business."""
    pattern = re.compile(re.escape(node) + _DONE, re.ASCII)
    found = [(path, pattern.fullmatch(path.name)) for path in entries]
    files = [
        DoneFile(path, _day(match[1]), int(match[2]), match[3] is not None) for path, match in found if match
    ]
    return sorted(files, key=lambda file: (file.day, file.last, file.compressed))


def today(seconds: float) -> date:
    """The day of a time (seconds since the epoch), UTC."""
    return datetime.fromtimestamp(seconds, UTC).date()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return date.min  # 2031-02-31: somebody else's idea of a name
