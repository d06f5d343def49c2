# SPDX-License-Identifier: GPL-3.0-or-later
"""Wakes requests that wait for something to be recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


class Bell:
    """Rung when something was recorded that a request may wait for; all of it on the loop's thread.

    A ring that comes between a look and the wait after it is not lost: `wait` is told how often it had rung
    before the look.
    """

    def __init__(self) -> None:
        self._rings = 0
        self._waiting: dict[asyncio.Future[None], frozenset[str]] = {}

    @property
    def rings(self) -> int:
        """How often it has rung."""
        return self._rings

    def ring(self, *about: str) -> None:
        """Wake those that wait for one of these ids (call, contact, handoff, shared); all without an id."""
        self._rings += 1
        for waiting, ids in self._waiting.items():
            if not waiting.done() and (not about or not ids or not ids.isdisjoint(about)):
                waiting.set_result(None)

    async def wait(self, timeout: float, about: Iterable[str] = (), since: int | None = None) -> None:  # noqa: ASYNC109 - its end is no error
        """Return at the next ring, or after ``timeout`` seconds.

        Args:
            timeout: seconds; its end is no error.
            about: the ids of which one must be rung for; a ring for everybody always counts.
            since: `rings` as it was before the caller looked; if it has rung since, this returns at once.
        """
        if since is not None and since != self._rings:
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[waiting] = frozenset(about)
        try:
            await asyncio.wait((waiting,), timeout=timeout)
        finally:
            del self._waiting[waiting]
            waiting.cancel()
