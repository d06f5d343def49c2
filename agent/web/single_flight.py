# SPDX-License-Identifier: GPL-3.0-or-later
"""Single flight: one task does the work, everybody who needs its result waits for the same one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from agent.core.errors import CxoneError

Result = TypeVar("Result")


class ClosingError(CxoneError):
    """What was waited for was ended, since the agent stops."""

    retryable = True


class BrokeError(CxoneError):
    """The work ended by an error of ours: a parser's, say, on an answer that nobody thought of."""

    retryable = True

    def __init__(self, what: str, error: Exception) -> None:
        super().__init__(f"{what} broke ({type(error).__name__})")


def begin(work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
    """Start work whose failure may go unseen when nobody waits for it."""
    task = asyncio.get_running_loop().create_task(work)
    task.add_done_callback(_look_at_failure)
    return task


async def joined(task: asyncio.Task[Result]) -> Result:
    """Wait for shared work; who stops waiting does not stop the work.

    Raises:
        ClosingError: the work itself was cancelled, which must not look like a cancellation of the waiter.
        Exception: what the work raised.
    """
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        waiter = asyncio.current_task()
        if task.cancelled() and waiter is not None and not waiter.cancelling():
            raise ClosingError("the agent is stopping") from None
        raise


def _look_at_failure(task: asyncio.Task[Any]) -> None:
    """Look at the exception, so that asyncio doesn't complain that nobody did."""
    if not task.cancelled():
        task.exception()
