# SPDX-License-Identifier: GPL-3.0-or-later
"""Room for so many at a time; those beyond wait, first come, first served.

As `asyncio.Semaphore`, but that who finds room takes it without a coroutine.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Room:
    """Used on the loop.

    Args:
        places: how many there is room for.
    """

    __slots__ = ("_free", "_waiting")

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def full(self) -> bool:
        """Whether who comes now has to wait."""
        return self._free == 0

    def take(self) -> bool:
        """Take a place if one is free."""
        if self._free == 0:
            return False
        self._free -= 1
        return True

    async def wait(self) -> None:
        """Take a place, now or when it is this one's turn."""
        if self.take():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()  # it had been handed over
            raise

    def leave(self) -> None:
        """Give a place back; it is handed over to who waits longest, so that nobody comes between."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
