# SPDX-License-Identifier: GPL-3.0-or-later
"""Which calls are traced, and when a call's trace is whole: once it is over and NICE has answered."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from typing import Any, Final

from agent.core.chosen import traced
from agent.core.model.traces import Traces
from agent.core.records import CallRecord, Signal
from agent.core.trace_context import Parent
from agent.telemetry.exporter import MISSING, Exporter, installed
from agent.telemetry.logs import logger, masked_within
from agent.telemetry.spans import Told
from agent.telemetry.stories import Stories

LONGEST_SECONDS: Final = 180.0
"""After the end of a call its trace leaves without what NICE has not answered by then."""
MOST: Final = 2000
"""Calls that may wait for NICE's answers."""
_AT_ONCE: Final = 4  # each takes some 0.3 ms
_PACE_SECONDS: Final = 0.01
MOST_SIGNALLED: Final = 10_000
"""Calls whose signals are remembered until their end."""

_log = logger("traces")


class _Open:
    """A call that is over and whose trace is not whole."""

    __slots__ = ("call", "since")

    def __init__(self, call: CallRecord) -> None:
        self.call = call
        self.since = time.monotonic()


class Tracing:
    """Takes calls that are over; gives those of the sample to the exporter.

    Args:
        stories: of calls.
        node: name of this node.
        run: starts a coroutine and keeps it until it is done.

    Attributes:
        on: whether any call is traced.
    """

    def __init__(self, stories: Stories, node: str, run: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self.on = False
        self._stories = stories
        self._node = node
        self._run = run
        self._settings: Traces | None = None
        self._exporter: Exporter | None = None
        self._open: dict[str, _Open] = {}
        self._whole: deque[CallRecord] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._signals: dict[str, dict[str, Signal]] = {}
        self._parents: dict[str, Parent] = {}
        self._all: list[Exporter] = []  # those of earlier configurations too, for their counts
        self._not_taken = 0

    @property
    def counts(self) -> tuple[int, int, int]:
        """Spans exported, spans dropped, calls dropped: since the start."""
        return (
            sum(one.exported for one in self._all),
            sum(one.dropped for one in self._all),
            sum(one.calls_dropped for one in self._all) + self._not_taken,
        )

    def follow(self, settings: Traces | None) -> None:
        """Do as the configuration says from now on."""
        if settings == self._settings:
            return
        self._settings = settings
        was, self._exporter = self._exporter, None
        if was is not None:
            self._run(was.aclose())
        if settings is None or settings.sample in (None, 0.0):
            self._open.clear()
            self._whole.clear()
            self._signals.clear()
            self._parents.clear()
        elif installed():
            self._exporter = Exporter(settings, self._node)
            self._all.append(self._exporter)
        else:
            _log.error(MISSING)
        self.on = self._exporter is not None

    def joins(self, call_id: str, parent: Parent) -> None:
        """A call that has begun is part of somebody else's trace."""
        if self._exporter is None:
            return
        self._parents[call_id] = parent
        if len(self._parents) > MOST_SIGNALLED:
            del self._parents[next(iter(self._parents))]

    def signal(self, signal: Signal) -> None:
        """A signal, or what else is in the outbox, stands so now."""
        if self._wants(signal.call_id):
            self._signals.setdefault(signal.call_id, {})[signal.signal_id] = signal
            if len(self._signals) > MOST_SIGNALLED:  # the oldest may be of a call whose end never comes
                del self._signals[next(iter(self._signals))]

    def over(self, call: CallRecord) -> None:
        """A call has ended."""
        if not self._wants(call.call_id):
            self._parents.pop(call.call_id, None)
            return
        if len(self._open) >= MOST:
            self._not_taken += 1
            self._signals.pop(call.call_id, None)
            self._parents.pop(call.call_id, None)
            return
        self._open[call.call_id] = _Open(call)

    def look(self, waits: Callable[[str], bool]) -> None:
        """Hand on those that are whole.

        Args:
            waits: whether something of a call is still on its way to NICE.
        """
        now = time.monotonic()
        for call_id, one in tuple(self._open.items()):
            if not waits(call_id) or now - one.since > LONGEST_SECONDS:
                del self._open[call_id]
                self._whole.append(one.call)
        if self._whole and self._timer is None:
            self._hand_on_some()

    async def aclose(self) -> None:
        """Hand on what there is, and end."""
        if self._timer is not None:
            self._timer.cancel()
        for call in (*self._whole, *(one.call for one in self._open.values())):
            self._hand_on(call)
        self._open.clear()
        self._whole.clear()
        if self._exporter is not None:
            await self._exporter.aclose()

    def _wants(self, call_id: str) -> bool:
        if self._exporter is None or self._settings is None:
            return False
        return traced(call_id, self._settings.sample, self._parents.get(call_id))

    def _hand_on_some(self) -> None:
        """A few at a time: those of a second together would hold up the loop."""
        self._timer = None
        try:
            for _ in range(min(_AT_ONCE, len(self._whole))):
                self._hand_on(self._whole.popleft())
        finally:
            if self._whole:
                self._timer = asyncio.get_running_loop().call_later(_PACE_SECONDS, self._hand_on_some)

    def _hand_on(self, call: CallRecord) -> None:
        signals = self._signals.pop(call.call_id, {})
        parent = self._parents.pop(call.call_id, None)
        story = self._stories.story(call.call_id)
        if self._exporter is None or story is None:
            return
        messages = [
            one.message for one in story if one.message is not None and not one.message.record.repeated
        ]
        self._exporter.put(
            Told(
                call=call.shown(),
                decisions=[(one.when, masked_within(one.text)) for one in story if one.kind == "decision"],
                messages=[
                    (
                        one.side,
                        int(one.record.microseconds) / 1_000_000,
                        one.record.direction == ">",
                        one.record.call_id,
                        one.record.cseq,
                        masked_within(one.record.start_line),
                    )
                    for one in messages
                ],
                signals=[_signal(signal) for signal in signals.values()],
                parent=None if parent is None else str(parent),
            )
        )


def _signal(signal: Signal) -> dict[str, Any]:
    return {
        "channel": signal.channel.value,
        "moment": signal.moment.value,
        "state": signal.state.value,
        "recorded": signal.recorded,
        "attempts": [asdict(attempt) for attempt in signal.attempts if not attempt.decision],
    }
