# SPDX-License-Identifier: GPL-3.0-or-later
"""The process itself: what signals ask of it, what the system gives it, and how it surely ends."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import Any, Final

from agent.core.descriptors import Shares, shares
from agent.core.model import Agent
from agent.telemetry import logs

ENDED_BY_FORCE: Final = 3
"""Exit code of a process in which something hung that was to end."""
FORCED_SECONDS: Final = 4.8
"""From the second SIGTERM to the end of the process, whatever hangs."""
LONGEST_END_SECONDS: Final = 60.0
"""From the last call's end to the end of the process, though nobody asks a second time."""
LEAVE_SECONDS: Final = 5.0
"""From the end of all parts to the end of the process, though a library's thread hangs."""
_GIVE_UP_SECONDS: Final = 0.1  # in which a part that was cancelled may tidy up
_ENDING: Final = (signal.SIGTERM, signal.SIGINT)
_HEARD: Final = (*_ENDING, signal.SIGHUP)

_log = logs.logger("node")


def descriptors(agent: Agent) -> Shares:
    """Take as many file descriptors as the system lets us have, and deal them out.

    What is too little is said once, in the log: a node with little load runs well with fewer.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    dealt = shares(agent, hard)
    if not dealt.enough:
        _log.warning(
            "too few file descriptors: raise LimitNOFILE, or lower limits.calls and http.connections",
            limit=dealt.limit,
            needed=dealt.needed,
            calls=dealt.calls,
            api_connections=dealt.api,
        )
    return dealt


class LastResort:
    """Ends the process from a thread of its own when a time is over, though the loop hangs.

    What is durable stays so: storage is written in transactions, and whoever comes next finds calls that were
    up and signals that may have left, as after kill -9.

    Attributes:
        step: what is being done just now; named in the log when it hangs.
        code: the exit code once all parts have ended, after which only a thread of a library can hang; None
            before, when an end by it is one by force.
    """

    def __init__(self) -> None:
        self.step = ""
        self.code: int | None = None
        self._wanted = threading.Condition()
        self._at: float | None = None
        self._over = False
        self._thread: threading.Thread | None = None

    def within(self, seconds: float) -> None:
        """End the process in so many seconds at the latest; of two times the sooner one holds."""
        with self._wanted:
            at = time.monotonic() + seconds
            self._at = at if self._at is None else min(at, self._at)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="last resort", daemon=True)
                self._thread.start()
            self._wanted.notify()

    def disarm(self) -> None:
        """All went well: let the process go on."""
        with self._wanted:
            self._over = True
            self._wanted.notify()

    def _watch(self) -> None:
        with self._wanted:
            while not self._over:
                left = None if self._at is None else self._at - time.monotonic()
                if left is not None and left <= 0:
                    break
                self._wanted.wait(left)
            if self._over:
                return
        if self.code is not None:
            os._exit(self.code)
        logs.last_words("ended by force: something hung", step=self.step or "the event loop")
        os._exit(ENDED_BY_FORCE)


class Asked:
    """What signals ask of the process; each only sets a flag.

    Attributes:
        reload: whether the configuration is to be loaded again.
        end: set when the node is to drain, then to end.
        end_now: set when it is to end without waiting.
        last_resort: ends the process when the loop can't.
    """

    def __init__(self) -> None:
        self.reload = False
        self.end = asyncio.Event()
        self.end_now = asyncio.Event()
        self.last_resort = LastResort()

    @contextmanager
    def capture_signals(self, *, for_good: bool = False) -> Iterator[None]:
        """Take SIGHUP, SIGTERM and SIGINT meanwhile, also those that were held since the start.

        Args:
            for_good: whether nothing but the end of the process follows. They are ignored from then on, as
                each would end it by the default action; the last resort sees to it that it ends.
        """
        before = {number: signal.getsignal(number) for number in _HEARD}
        try:
            with _watched(self.last_resort, self._take):
                # asyncio's own handlers would give way to the default action when they are taken away.
                for number in _HEARD:
                    signal.signal(number, _heard_elsewhere)
                    signal.siginterrupt(number, False)  # noqa: FBT003 - Python's signature
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)
                try:
                    yield
                finally:
                    for number in _HEARD:
                        signal.signal(number, signal.SIG_IGN if for_good else before[number])
        finally:
            if for_good:
                self.last_resort.within(LEAVE_SECONDS)
            else:
                self.last_resort.disarm()

    def _take(self, number: int) -> None:
        if number in _ENDING:
            self._end()
        elif number in _HEARD:
            self.reload = True

    def _end(self) -> None:
        if not self.end.is_set():
            _log.info("draining: no new calls are taken, the agent ends with the last call")
            self.end.set()
        elif not self.end_now.is_set():
            _log.warning("ending now: calls that are up are told to their scripts as failed")
            self.end_now.set()


def _heard_elsewhere(*_: object) -> None:
    """The interpreter has written the number to the descriptor that a thread reads."""


@contextmanager
def _watched(last_resort: LastResort, take: Callable[[int], None]) -> Iterator[None]:
    """Hear signals in a thread of its own: a second one that asks for the end is heard though the loop hangs.

    The interpreter writes the number of each signal to a descriptor; the thread reads it and lets the loop
    `take` it.
    """
    loop = asyncio.get_running_loop()
    ours, written = os.pipe()
    os.set_blocking(written, False)
    before = signal.set_wakeup_fd(written, warn_on_full_buffer=False)

    def hand_on(number: int) -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(take, number)

    thread = threading.Thread(target=_hear, args=(ours, last_resort, hand_on), name="signals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(written)
        thread.join()
        os.close(ours)


def _hear(ours: int, last_resort: LastResort, hand_on: Callable[[int], None]) -> None:
    asked = 0
    while numbers := os.read(ours, 64):
        asked += sum(number in _ENDING for number in numbers)
        if asked > 1:
            last_resort.within(FORCED_SECONDS)
        for number in numbers:
            hand_on(number)


class Ending:
    """Takes parts down, each in its time; one that hangs or breaks is left behind.

    Args:
        asked: whether the node is to end without waiting, and the last resort.

    Attributes:
        asked: the same.
        left_behind: names of parts that hung.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.left_behind: list[str] = []

    def add(
        self,
        closing: AsyncExitStack,
        name: str,
        end: Callable[[], Awaitable[object]],
        *,
        usual: float,
        forced: float,
    ) -> None:
        """Let ``closing`` end a part.

        Args:
            closing: ends what was added to it last first.
            name: for the log, where it does not end in time.
            end: ends it.
            usual: seconds that it may take.
            forced: the same once the node is to end now.
        """
        closing.push_async_callback(self._down, name, end, usual, forced)

    async def _down(
        self, name: str, end: Callable[[], Awaitable[object]], usual: float, forced: float
    ) -> None:
        asked = self.asked
        asked.last_resort.step = name
        work = asyncio.ensure_future(_awaited(end))
        hurry = asyncio.ensure_future(asked.end_now.wait())
        await asyncio.wait((work, hurry), timeout=usual, return_when=asyncio.FIRST_COMPLETED)
        if not work.done() and hurry.done():
            await asyncio.wait((work,), timeout=forced)
        hurry.cancel()
        if not work.done():
            _log.error("a part did not end in time and is left behind", name=name)
            self.left_behind.append(name)
            work.cancel()
            await asyncio.wait((work,), timeout=_GIVE_UP_SECONDS)
        if work.done() and not work.cancelled() and (error := work.exception()) is not None:
            _log.error("a part broke when it was to end", name=name, error=repr(error), exc_info=error)


async def done_before(event: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Let ``work`` run until it is done, or cancel it when the event comes first; whether it is done."""
    if event.is_set():
        work.close()
        return False
    task, comes = asyncio.ensure_future(work), asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait((task, comes), return_when=asyncio.FIRST_COMPLETED)
    finally:
        comes.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait((task,))
    if task.cancelled():
        return False
    task.result()
    return True


async def _awaited(end: Callable[[], Awaitable[object]]) -> None:
    await end()
