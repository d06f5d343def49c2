# SPDX-License-Identifier: GPL-3.0-or-later
"""Does what a slow disk may hold up in a thread of its own: the loop goes on, the end waits for nobody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

_Result = TypeVar("_Result")


async def aside(work: Callable[[], _Result], seconds: float) -> _Result:
    """What `work` gives or raises, from a thread; it goes on there where nobody waits any more.

    For what an operator asks for now and then: each costs a thread.

    Raises:
        TimeoutError: it took longer than so many seconds.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_Result] = loop.create_future()

    def run() -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is there to be told
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - the caller's to take
                loop.call_soon_threadsafe(_raised, done, error)
            else:
                loop.call_soon_threadsafe(_given, done, result)

    # A daemon: unlike the threads of an executor it is not waited for when the process ends.
    threading.Thread(target=run, name="disk", daemon=True).start()
    async with asyncio.timeout(seconds):
        return await done


def _given(done: asyncio.Future[_Result], result: _Result) -> None:
    if not done.done():
        done.set_result(result)


def _raised(done: asyncio.Future[_Result], error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
