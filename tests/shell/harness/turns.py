# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for what the loop brings about, turn by turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_AT_MOST_SECONDS = 60.0


async def until(condition: Callable[[], object]) -> None:
    """Let the loop turn until this holds; raises `TimeoutError` when it does not within a minute."""
    deadline = time.monotonic() + _AT_MOST_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it never came to that")
        await asyncio.sleep(0)
