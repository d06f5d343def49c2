# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that are held down: a digit is told when it ends, with its length."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agent.core.digits import LONGEST, length


class Presses:
    """The key that is down just now, if any.

    Args:
        pressed: told of each digit once, when it has ended: its length in milliseconds, and whether it went
            across to the other leg by itself. One whose end was lost ends where the next one begins, and one
            that does not end at all after the longest time.
    """

    def __init__(self, pressed: Callable[[str, int, bool], None]) -> None:
        self._pressed = pressed
        self._held = ""
        self._across = False
        self._timer: asyncio.TimerHandle | None = None

    def down(self, digit: str, *, across: bool = False) -> None:
        """A digit began, and goes across by itself or not."""
        self._end(0)
        self._held, self._across = digit, across
        self._timer = asyncio.get_running_loop().call_later(LONGEST / 1000, self._end, LONGEST)

    def up(self, digit: str, milliseconds: int, *, across: bool = False) -> None:
        """A digit ended after so long; that of one which counted as ended already is nothing new."""
        if digit == self._held:
            self._end(milliseconds)
        elif milliseconds < LONGEST:
            self._end(0)
            self._pressed(digit, length(milliseconds), across)

    def close(self) -> None:
        """Nobody listens any more."""
        self._held = ""
        self._stop()

    def _end(self, milliseconds: int) -> None:
        self._stop()
        digit, self._held = self._held, ""
        if digit:
            self._pressed(digit, length(milliseconds), self._across)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
