# SPDX-License-Identifier: GPL-3.0-or-later
"""The running loop's clock, which a test can push on: timers run out without anybody waiting for them."""

from __future__ import annotations

import asyncio
import time

import pytest


class Clock:
    """Real time, and whatever a test has pushed it on by."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        self._real = loop.time
        self._ahead = 0.0
        monkeypatch.setattr(loop, "time", self.now)

    def now(self) -> float:
        """The loop's time, in seconds."""
        return self._real() + self._ahead

    def wall(self) -> float:
        """Seconds since the epoch, just as far ahead."""
        return time.time() + self._ahead

    def push(self, seconds: float) -> None:
        """Let so much time have passed; what is due by then runs in the loop's next turn."""
        self._ahead += seconds
