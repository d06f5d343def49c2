# SPDX-License-Identifier: GPL-3.0-or-later
"""Identifiers that nobody can guess: of calls, signals, requests.

Each read of the system's randomness lets another thread have the interpreter, and a call needs several
identifiers. So much is read at once, and each byte is used once.
"""

from __future__ import annotations

import os
from typing import Final

_AT_ONCE: Final = 4096
_left: list[str] = []


def fresh() -> str:
    """16 hexadecimal digits, from the system's randomness: 64 bits that nobody else has."""
    if not _left:
        digits = os.urandom(_AT_ONCE).hex()
        _left.extend(digits[at : at + 16] for at in range(0, len(digits), 16))
    return _left.pop()


os.register_at_fork(after_in_child=_left.clear)
