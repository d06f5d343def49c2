# SPDX-License-Identifier: GPL-3.0-or-later
"""agent.yaml, records: where a line is written for each call that is over."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from agent.core.model.base import Duration, Model

_SIZE: Final = re.compile(r"([0-9]{1,9})\s*(kB|MB|GB)", re.ASCII)
_UNITS: Final = {"kB": 1000, "MB": 1000**2, "GB": 1000**3}
_LEAST: Final = 64_000
_MOST: Final = 100 * 1000**3


def _folder(value: object) -> object:
    return Path(value) if isinstance(value, str) and value else value


def _size(value: object) -> object:
    """Bytes that ``100MB`` is."""
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    else:
        match = _SIZE.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise ValueError(f"{value!r} is no size: write 500kB, 100MB or 1GB")
        size = int(match[1]) * _UNITS[match[2]]
    if not _LEAST <= size <= _MOST:
        raise ValueError(f"{value} is out of bounds: write a size from 64kB to 100GB")
    return size


Size = Annotated[
    int,
    BeforeValidator(_size),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]+ *(kB|MB|GB)$", "examples": ["100MB"]}),
]
Folder = Annotated[Path, BeforeValidator(_folder)]


class Rotate(Model):
    """When a new file is begun."""

    size: Size = Field(default=100 * 1000**2, description="Once the file is so large: 500kB, 100MB, 1GB.")
    daily: bool = Field(default=True, description="And when the day is over (UTC).")


class RecordFiles(Model):
    """A line of JSON for each call that is over (docs/records.md)."""

    folder: Folder = Field(
        description="Where the files are; it is made where it is not there, the folder that it is in is not."
    )
    rotate: Rotate = Field(default=Rotate(), description="When a new file is begun.")
    compress: Literal["gzip", "none"] = Field(
        default="gzip", description="What becomes of a file once the next one is begun."
    )
    keep: Duration | None = Field(
        default=None,
        description="Files whose day is longer ago than this are deleted, but for the one that is written "
        "to; absent: none is.",
    )
