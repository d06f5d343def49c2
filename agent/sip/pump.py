# SPDX-License-Identifier: GPL-3.0-or-later
"""pjsip on the loop: polled when its descriptor is readable, and by a tick (10 ms) for its own timers.

Native callbacks queue plain events. They are handed on once the native code has returned: after the poll
that they came in, or in the loop's next turn where a verb of ours brought them about.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import pjsua2

from agent.core.containing import Containing
from agent.sip import events as on
from agent.sip import native

_TICK_SECONDS: Final = 0.01
_IDLE_TICK_SECONDS: Final = 0.1  # without calls only transactions have timers, the shortest of half a second


class Pump:
    """Polls pjsip, and hands on what it tells.

    Args:
        endpoint: pjsua2's.
        hand_on: takes each event.
        busy: gives something true while there are calls.
        ticked: called with each tick, and with how late it was, in seconds; it raises nothing.
        contained: takes what goes wrong; polling goes on.
    """

    def __init__(
        self,
        endpoint: Any,
        hand_on: Callable[[on.StackEvent], None],
        busy: Callable[[], object],
        ticked: Callable[[float], None],
        contained: Containing,
    ) -> None:
        self._endpoint, self._hand_on, self._busy, self._ticked = endpoint, hand_on, busy, ticked
        self._contained = contained
        self._loop = asyncio.get_running_loop()
        self._events: deque[on.StackEvent] = deque()
        self._descriptor = -1
        self._timer: asyncio.TimerHandle | None = None
        self._scheduled = self._polling = self._draining = False

    def begin(self, descriptor: int) -> None:
        """Poll from now on, also whenever this epoll descriptor is readable."""
        self._descriptor = descriptor
        self._loop.add_reader(descriptor, self.poll)
        self.tick(self._loop.time())

    def end(self) -> None:
        """Poll no more."""
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
        if self._timer is not None:
            self._timer.cancel()

    def forget(self) -> None:
        """What was told and not handed on is of no use any more."""
        self._events.clear()

    def wake(self) -> None:
        """There are calls: tick often from now on."""
        if self._timer is not None:
            self._timer.cancel()
            due = self._loop.time() + _TICK_SECONDS
            self._timer = self._loop.call_at(due, self.tick, due)

    def emit(self, event: on.StackEvent) -> None:
        """Queue an event of a native callback."""
        self._events.append(event)
        # A native call made by our own code may call back at once, outside the poll. What an event leads to
        # is handed on behind it.
        if not (self._polling or self._scheduled or self._draining):
            self._scheduled = True
            self._loop.call_soon(self._drain)

    def poll(self) -> None:
        """Let pjsip work, and hand on what it told."""
        self._polling = True
        try:
            self._endpoint.libHandleEvents(0)
            pjsua2.handoff_calls_deliver()
        except Exception as error:  # noqa: BLE001 - what came with it is told all the same
            self._contained.took("poll", error)
        finally:
            self._polling = False
        if self._events:
            self._drain()

    def tick(self, due: float) -> None:
        """Drive pjsip's timers, and come again. Nothing that goes wrong here ends it."""
        now = self._loop.time()
        step = _TICK_SECONDS if self._busy() or native.call_count() else _IDLE_TICK_SECONDS
        late, due = max(0.0, now - due), max(now, due) + step
        self._timer = self._loop.call_at(due, self.tick, due)
        self._contained.run("tick", self.poll)
        self._ticked(late)

    def _drain(self) -> None:
        self._scheduled, self._draining = False, True
        try:
            while self._events:
                try:
                    self._hand_on(self._events.popleft())
                except Exception as error:  # noqa: BLE001 - what is behind it waits
                    self._contained.took("event", error)
        finally:
            self._draining = False
