# SPDX-License-Identifier: GPL-3.0-or-later
"""A share of something, as operators write it."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema


def _share(value: object) -> object:
    """A share such as ``50%`` as 0.5; None for ``off``, which YAML reads as false."""
    if value is None or value is False or value == "off":
        return None
    if isinstance(value, float):  # it was read before
        return value
    match = re.fullmatch(r"([0-9]{1,3})\s*%", value, re.ASCII) if isinstance(value, str) else None
    if match is None or int(match[1]) > 100:  # noqa: PLR2004 - it is a percentage
        raise ValueError(f"{value!r} is no share: write one from 0% to 100%, or off")
    return int(match[1]) / 100


Share = Annotated[
    float | None,
    BeforeValidator(_share),
    WithJsonSchema({"type": ["string", "boolean"], "pattern": "^([0-9]{1,3} *%|off)$", "examples": ["50%"]}),
    PlainSerializer(lambda share: "off" if share is None else f"{share:.0%}", return_type=str),
]
"""0.5 for ``50%``; None for ``off``."""
