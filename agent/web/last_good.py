# SPDX-License-Identifier: GPL-3.0-or-later
"""A value fetched once for all who ask, kept for a time, and kept on when fetching it anew fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from agent.core.errors import CxoneError
from agent.telemetry.logs import logger
from agent.web.single_flight import BrokeError, begin, joined

_log: Final = logger("web")

_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 5.0
_PAUSES_COUNTED: Final = 10
_PAUSE_BETWEEN_DOUBTS: Final = 5.0

Value = TypeVar("Value")


class LastGood(Generic[Value]):
    """One cached value; lives on the event loop. Times are seconds on the clock that is passed in."""

    def __init__(
        self, fetch: Callable[[], Awaitable[Value]], lifetime: float, clock: Callable[[], float]
    ) -> None:
        self._fetch, self._lifetime, self._clock = fetch, lifetime, clock
        self._value: Value | None = None
        self._stale_at = 0.0
        self._next_try = 0.0
        self._doubted = False
        self._failure: CxoneError | None = None
        self._failures = 0
        self._task: asyncio.Task[Value] | None = None

    async def get(self) -> Value:
        """The value: at once when there is one, renewed in the background when it is old.

        One that was doubted is fetched anew first; when that fails, the last good one is given.

        Raises:
            CxoneError: there is none yet and it can't be fetched; for a moment after a failure, half a
                second at first and five at most, it is not tried again.
        """
        now = self._clock()
        if self._value is not None and not self._doubted:
            if now >= self._stale_at and now >= self._next_try:
                self._renew()
            return self._value
        if self._task is None and now < self._next_try and self._value is None and self._failure is not None:
            raise self._failure.with_traceback(None)
        try:
            return await joined(self._renew())
        except CxoneError:
            if self._value is None:
                raise
            return self._value

    def at_hand(self) -> Value | None:
        """The value when `get` would give it at once, else None."""
        return None if self._doubted else self._value

    def doubt(self) -> None:
        """Say that the value may be wrong by now (a host that is gone): the next `get` fetches it anew."""
        if self._clock() >= self._next_try and self._value is not None:
            self._doubted = True
            self._next_try = self._clock() + _PAUSE_BETWEEN_DOUBTS

    def cancel(self) -> asyncio.Task[Value] | None:
        """End a fetch under way; the caller awaits what is returned."""
        if self._task is not None:
            self._task.cancel()
        return self._task

    def _renew(self) -> asyncio.Task[Value]:
        if self._task is None:
            self._task = begin(self._fetched())
        return self._task

    async def _fetched(self) -> Value:
        try:
            self._value = await self._fetch()
        except CxoneError as error:
            self._pause(error)
            raise
        except Exception as error:  # noqa: BLE001 - as above: the next who asks must not break as well
            _log.exception("a look-up broke")
            broke = BrokeError("the look-up", error)
            self._pause(broke)
            raise broke from None
        else:
            self._failure, self._failures = None, 0
            self._stale_at = self._clock() + self._lifetime
            return self._value
        finally:
            self._doubted = False
            self._task = None

    def _pause(self, error: CxoneError) -> None:
        self._failure = error
        self._next_try = self._clock() + min(_FIRST_PAUSE * 2**self._failures, _LONGEST_PAUSE)
        self._failures = min(self._failures + 1, _PAUSES_COUNTED)
