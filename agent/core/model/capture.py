# SPDX-License-Identifier: GPL-3.0-or-later
"""agent.yaml: captures of SIP and RTP."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from agent.core.model.base import Count, Duration, FilePath, Model

_UNITS: Final = {"kB": 1000, "MB": 1_000_000, "GB": 1_000_000_000}
_SIZE: Final = re.compile(r"([0-9]{1,6})\s*(kB|MB|GB)", re.ASCII)
_SMALLEST: Final = 10_000


def size(value: object) -> int:
    """Bytes from ``500kB``, ``50MB`` or ``2GB``.

    Raises:
        ValueError: it is no size, or so small that no call fits.
    """
    if isinstance(value, int) and not isinstance(value, bool):  # it was read before
        found = value
    else:
        match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            raise ValueError(f"{value!r} is not a size: write 500kB, 50MB or 2GB")
        found = int(match[1]) * _UNITS[match[2]]
    if found < _SMALLEST:
        raise ValueError(f"{value} is too small for a call: write 100kB or more")
    return found


def shown_size(count: int) -> str:
    """Bytes as `size` reads them."""
    unit = next((unit for unit in ("GB", "MB", "kB") if count % _UNITS[unit] == 0), "kB")
    return f"{count // _UNITS[unit]}{unit}"


_SCHEMA: Final[dict[str, Any]] = {
    "type": "string",
    "pattern": "^[0-9]{1,6} ?(kB|MB|GB)$",
    "examples": ["50MB"],
}
Size = Annotated[
    int, BeforeValidator(size), WithJsonSchema(_SCHEMA), PlainSerializer(shown_size, return_type=str)
]
"""Bytes; a kB is 1000 of them."""


class CaptureSettings(Model):
    """Captures of calls to pcap files, which operators start and stop."""

    folder: FilePath = Field(
        description="Where the files go, for the agent's user alone; it is made when it is not there. "
        "It must lie outside of the configuration folder."
    )
    at_once: Count = Field(default=4, le=16, description="Captures under way at the same time.")
    size: Size = Field(default=50_000_000, description="The longest file; a capture may ask for less.")
    total: Size = Field(
        default=500_000_000,
        description="What all files in the folder may take; no capture begins that might go beyond it.",
    )
    longest: Duration = Field(default=3600.0, description="The longest time that a capture may go on.")
