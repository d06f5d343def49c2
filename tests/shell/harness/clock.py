# SPDX-License-Identifier: GPL-3.0-or-later
"""The running loop's clock in a test's hand: timers run out when it is pushed on, and only then."""

from __future__ import annotations

import asyncio
import time

import pytest


class Clock:
    """Stands still until it is pushed on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        self._ahead = 0.0
        monkeypatch.setattr(loop, "time", self.now)

    def now(self) -> float:
        """The loop's time, in seconds."""
        return self._began + self._ahead

    def wall(self) -> float:
        """Seconds since the epoch, just as far ahead."""
        return time.time() + self._ahead

    def push_to(self, when: float) -> None:
        """Let it be that late, if it is not yet."""
        self._ahead = max(self._ahead, when - self._began)

    def push(self, seconds: float) -> None:
        """Let so much time have passed; what is due by then runs in the loop's next turn."""
        self._ahead += seconds
