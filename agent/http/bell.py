# SPDX-License-Identifier: GPL-3.0-or-later
"""Wakes requests that wait for something to be recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager


class Bell:
    """Rung when something was recorded that a request may wait for; all of it on the loop's thread."""

    def __init__(self) -> None:
        self._listening: dict[asyncio.Event, AbstractSet[str]] = {}

    def ring(self, *about: str) -> None:
        """Wake those that listen for one of these ids (call, contact, handoff, shared); all without an id."""
        for heard, ids in self._listening.items():
            if not about or not ids or not ids.isdisjoint(about):
                heard.set()

    @contextmanager
    def listening(self, about: AbstractSet[str] = frozenset()) -> Iterator[asyncio.Event]:
        """An event that is set by rings for everybody or for one of these ids; without ids, by all.

        Ids that are added to ``about`` later count from then on.
        Clear it, then look, then wait: nothing that is recorded meanwhile is missed.
        """
        heard = asyncio.Event()
        self._listening[heard] = about
        try:
            yield heard
        finally:
            del self._listening[heard]

    async def wait(self, timeout: float, about: AbstractSet[str] = frozenset()) -> None:  # noqa: ASYNC109 - its end is no error
        """Return at the next ring, or after ``timeout`` seconds."""
        with self.listening(about) as heard:
            try:
                async with asyncio.timeout(timeout):
                    await heard.wait()
            except TimeoutError:
                return
