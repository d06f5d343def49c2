# SPDX-License-Identifier: GPL-3.0-or-later
"""A thread that does what blocks, one thing after the other, for the event loop."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias, TypeVar

_Result = TypeVar("_Result")
_Work: TypeAlias = "tuple[Callable[[], Any], asyncio.Future[Any]]"


class Thread:
    """Made and used on the loop thread; it ends with `close`, or with the process, whatever hangs in it.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        # A daemon: what a dead disk holds must not keep the process from ending.
        threading.Thread(target=self._run, name=name, daemon=True).start()

    async def do(self, work: Callable[[], _Result]) -> _Result:
        """What `work` gives or raises; it goes on where the caller is cancelled."""
        done: asyncio.Future[_Result] = self._loop.create_future()
        self._work.put((work, done))
        return await done

    def close(self, last: Callable[[], object]) -> None:
        """Let it end once what was asked for is done, and `last` behind it; nobody waits for that."""
        done: asyncio.Future[object] = self._loop.create_future()
        done.add_done_callback(lambda over: over.cancelled() or over.exception())
        self._work.put((last, done))
        self._work.put(None)

    def _run(self) -> None:
        while (asked := self._work.get()) is not None:
            work, done = asked
            try:
                result, error = work(), None
            except BaseException as raised:  # noqa: BLE001 - the caller's to take
                result, error = None, raised
            with suppress(RuntimeError):  # the loop is closed: nobody is there to be told
                self._loop.call_soon_threadsafe(_tell, done, result, error)


def _tell(done: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if done.done():  # its caller was cancelled
        return
    if error is not None:
        done.set_exception(error)
    else:
        done.set_result(result)
