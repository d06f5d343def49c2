# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for what the loop brings about, turn by turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_AT_MOST_SECONDS = 10.0


async def until(condition: Callable[[], object]) -> None:
    """Let the loop turn until this holds; raises `TimeoutError` when it does not within ten seconds."""
    async with asyncio.timeout(_AT_MOST_SECONDS):
        while not condition():
            await asyncio.sleep(0)
