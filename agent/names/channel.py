# SPDX-License-Identifier: GPL-3.0-or-later
"""c-ares on the event loop: its sockets are watched by the loop, its timers are the loop's.

pycares is used by itself: aiodns runs c-ares, and with it Python callbacks, on a second thread. Of pycares'
options those that pass a text (``lookups``, ``resolvconf_path``) are left alone: it frees the text before
c-ares has read it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import pycares

_TRY_SECONDS: Final = 1.0
_TRIES: Final = 2

Done: TypeAlias = Callable[[Any, int | None], None]
"""Called with an answer of pycares, and c-ares' number of what went wrong."""


class Channel:
    """One c-ares channel, made on the running loop.

    Args:
        servers: ``address`` or ``address:port`` of each name server; none stands for the system's, as they
            are now.
    """

    def __init__(self, servers: Sequence[str]) -> None:
        self._loop = asyncio.get_running_loop()
        self._readers: set[int] = set()
        self._writers: set[int] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._open = True
        self._channel = pycares.Channel(
            sock_state_cb=self._watch, timeout=_TRY_SECONDS, tries=_TRIES, servers=servers or None
        )

    async def ask(self, question: Callable[[pycares.Channel, Done], None]) -> tuple[Any, int | None]:
        """Put a question; gives the answer, and c-ares' number of what went wrong, None where nothing did."""
        answer: asyncio.Future[tuple[Any, int | None]] = self._loop.create_future()

        def done(found: Any, error: int | None) -> None:  # noqa: ANN401 - an answer of pycares
            if not answer.done():
                answer.set_result((found, error))

        try:
            question(self._channel, done)
        except pycares.AresError as error:  # some failures are raised as well as told
            done(None, int(error.args[0]))
        except UnicodeError:
            done(None, pycares.errno.ARES_EBADNAME)
        self._set_timer()
        return await answer

    def close(self) -> None:
        """Let go of the sockets; who still waits is told ``ARES_ECANCELLED``."""
        if not self._open:
            return
        self._channel.cancel()
        self._open = False
        if self._timer is not None:
            self._timer.cancel()
        for descriptor in self._readers:
            self._loop.remove_reader(descriptor)
        for descriptor in self._writers:
            self._loop.remove_writer(descriptor)
        self._channel.close()

    # -- sockets and time ------------------------------------------------------------------------------------

    def _watch(self, descriptor: int, readable: bool, writable: bool) -> None:  # noqa: FBT001 - c-ares' own
        if not self._open:
            return  # the channel is being destroyed, on a thread of pycares
        bad = pycares.ARES_SOCKET_BAD
        if readable:
            self._readers.add(descriptor)
            self._loop.add_reader(descriptor, self._process, descriptor, bad)
        elif descriptor in self._readers:
            self._readers.discard(descriptor)
            self._loop.remove_reader(descriptor)
        if writable:
            self._writers.add(descriptor)
            self._loop.add_writer(descriptor, self._process, bad, descriptor)
        elif descriptor in self._writers:
            self._writers.discard(descriptor)
            self._loop.remove_writer(descriptor)

    def _process(self, readable: int, writable: int) -> None:
        self._channel.process_fd(readable, writable)
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._open and (self._readers or self._writers):
            bad = pycares.ARES_SOCKET_BAD
            # c-ares says 0 both for "now" and for "never": a look now and then is right for either.
            pause = max(float(self._channel.timeout()), 0.01)  # type: ignore[no-untyped-call]
            self._timer = self._loop.call_later(min(pause, _TRY_SECONDS), self._process, bad, bad)
