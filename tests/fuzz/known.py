# SPDX-License-Identifier: GPL-3.0-or-later
"""Shapes of input that are left out, since what they do is known and not yet mended.

Each stands alone, with a line that says which fault it is: take it out together with the mending of that.
``--all`` leaves nothing out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

KNOWN: Mapping[str, Callable[[bytes], bool]] = {}
"""What it is, and whether a message is of that shape."""


def is_known(data: bytes) -> bool:
    """Whether a message has a shape that is left out."""
    return any(looks(data) for looks in KNOWN.values())
