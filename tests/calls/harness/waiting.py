# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounded waiting on what can be observed: never a fixed sleep in the hope that something has happened."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar, cast, overload

T = TypeVar("T")
LONG: Final = 60.0
"""Seconds for what must come, on whatever machine: only a failure is the later for it."""


@overload
async def eventually(
    condition: Callable[[], Awaitable[T]], within: float = ..., what: str = ..., every: float = ...
) -> T: ...
@overload
async def eventually(
    condition: Callable[[], T], within: float = ..., what: str = ..., every: float = ...
) -> T: ...


async def eventually(
    condition: Callable[[], T | Awaitable[T]], within: float = LONG, what: str = "", every: float = 0.1
) -> T:
    """Ask ``condition`` until it gives something true, and return that.

    Args:
        condition: called again and again, on the loop; may be a coroutine function.
        within: seconds until this fails; it is asked once more after them, for this process may have stood.
        what: what was waited for, for the failure's text.
        every: seconds between two looks at the most; the first ones follow each other faster.

    Raises:
        AssertionError: the condition was not true in time; the text holds its last value.
    """
    deadline = time.monotonic() + within
    pause = 0.005
    while True:
        late = time.monotonic() > deadline
        answer = condition()
        value = cast("T", await answer if inspect.isawaitable(answer) else answer)
        if value:
            return value
        if late:
            raise AssertionError(f"not within {within} s: {what or condition}; last seen: {value!r}")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, every)


async def throughout(seconds: float, condition: Callable[[], bool], what: str) -> None:
    """Hold ``condition`` to staying true: that a thing never happens takes a time in which it could.

    Raises:
        AssertionError: it was not true once; the text says ``what`` should have been.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert condition(), f"not for all of {seconds:g} s: {what}"
        await asyncio.sleep(0.1)


def eventually_now(condition: Callable[[], T], within: float = LONG, what: str = "") -> T:
    """The same for fixtures, which have no loop."""
    deadline = time.monotonic() + within
    while True:
        late = time.monotonic() > deadline
        if value := condition():
            return value
        if late:
            raise AssertionError(f"not within {within} s: {what or condition}; last seen: {value!r}")
        time.sleep(0.05)
