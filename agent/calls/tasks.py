# SPDX-License-Identifier: GPL-3.0-or-later
"""Coroutines that nobody awaits: kept until they are done, and told of when they fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Tasks:
    """Starts coroutines on the running loop.

    Args:
        failed: told the error of one that ended with an error.
    """

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self._failed = failed
        self._running: set[asyncio.Task[None]] = set()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Start a coroutine and keep it until it is done."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)

    async def settle(self) -> None:
        """Wait until all that was started is done."""
        while self._running:
            await asyncio.wait(self._running)

    async def end(self) -> None:
        """Wait until all is done; when this is cancelled, all of it is."""
        try:
            await self.settle()
        finally:
            await self.cancel()

    async def cancel(self) -> None:
        """Cancel all that was started, and wait until it has ended."""
        for task in self._running:
            task.cancel()
        await self.settle()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)
