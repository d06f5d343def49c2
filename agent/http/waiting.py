# SPDX-License-Identifier: GPL-3.0-or-later
"""Long polls (``?wait=SECONDS``): an answer that is not there yet is waited for, within bounds."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from typing import Final, TypeVar

from aiohttp import web

from agent.http.bell import Bell
from agent.http.bodies import parsed_number
from agent.http.errors import RefusalError

LONGEST: Final = 60
"""Seconds that a request may wait."""
AT_MOST: Final = 200
"""Requests of one project that may wait at the same time."""
_LOOK_SECONDS: Final = 1.0  # what another node records, or a client that went away, rings no bell here
_BETWEEN_SECONDS: Final = (
    0.05  # a bell that rings all the time must not make a request ask the store as often
)

Found = TypeVar("Found")


def wanted(request: web.Request) -> float | None:
    """The seconds of ``?wait=``; None where there is none.

    Raises:
        RefusalError: 422, it is no number from 0 to `LONGEST`.
    """
    given = request.query.getall("wait", [])
    if not given:
        return None
    seconds = parsed_number(given[0]) if len(given) == 1 else None
    if seconds is None or not 0 <= seconds <= LONGEST:
        text = f"is not one number of seconds from 0 to {LONGEST}"
        raise RefusalError(422, f"wait {text}", fields=[{"field": "wait", "error": text}])
    return float(seconds)


class Waits:
    """The requests that wait.

    Args:
        bell: rung when something is recorded.
        at_most: requests of one project that may wait at the same time.
    """

    def __init__(self, bell: Bell, at_most: int = AT_MOST) -> None:
        self._bell = bell
        self._at_most = at_most
        self._open: Counter[str] = Counter()
        self._closing = False

    @property
    def open(self) -> int:
        """How many wait now."""
        return self._open.total()

    def close(self) -> None:
        """End all waits, now and from now on: each is answered with what is known."""
        self._closing = True
        self._bell.ring()

    async def until(
        self,
        request: web.Request,
        project: str,
        look: Callable[[], Awaitable[Found]],
        done: Callable[[Found], bool],
        *,
        seconds: float | None,
        about: AbstractSet[str],
    ) -> Found:
        """Look, and look again until it is done, for some seconds at the longest.

        Args:
            request: ends the wait when its client goes away.
            project: whose places it takes.
            look: reads what is waited for.
            done: whether what was read is worth an answer.
            seconds: how long; None or 0 looks once.
            about: ids of which one is rung for when there is news.

        Raises:
            RefusalError: 429, too many requests of the project wait already.
        """
        if not seconds:
            return await look()
        if self._open[project] >= self._at_most:
            raise RefusalError(429, "too many requests of the project wait already", retry_after=1)
        self._open[project] += 1
        try:
            return await self._waited(request, look, done, time.monotonic() + seconds, about)
        finally:
            self._open[project] -= 1
            if not self._open[project]:
                del self._open[project]

    async def _waited(
        self,
        request: web.Request,
        look: Callable[[], Awaitable[Found]],
        done: Callable[[Found], bool],
        end: float,
        about: AbstractSet[str],
    ) -> Found:
        with self._bell.listening(about) as heard:
            while True:
                heard.clear()  # before the look: what is recorded during it rings for the next one
                began = time.monotonic()
                found = await look()
                left = end - time.monotonic()
                if done(found) or left <= 0 or self._closing or request.transport is None:
                    return found
                await _either(heard, min(left, _LOOK_SECONDS))
                rest = began + _BETWEEN_SECONDS - time.monotonic()
                if rest > 0 and not self._closing:
                    await asyncio.sleep(rest)


async def _either(heard: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await heard.wait()
    except TimeoutError:
        return
