# SPDX-License-Identifier: GPL-3.0-or-later
"""What looks closer at calls, where somebody asked for it: captures, a Homer, traces."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from agent.calls.register import Register
from agent.calls.taps import Taps
from agent.configuration import Configuration
from agent.core.model import Agent, Snapshot
from agent.http.diagnostics import Diagnostics
from agent.sip import trace
from agent.telemetry import withheld
from agent.telemetry.captures import Captures
from agent.telemetry.homer import Homer
from agent.telemetry.messages import Messages
from agent.telemetry.metrics import Metrics
from agent.telemetry.stories import Stories
from agent.telemetry.tracing import Tracing


class CloserLook:
    """All of it, as the configuration in force has it.

    Args:
        configuration: in force.
        stories: of calls.
        register: the calls that are up.
        metrics: count what is sent and dropped.
        run: starts a coroutine and keeps it until it is done.
        took: told of errors that were contained.

    Attributes:
        messages: where the SIP stack hands messages to.
        tracing: makes traces of calls.
    """

    def __init__(
        self,
        configuration: Configuration,
        stories: Stories,
        register: Register,
        metrics: Metrics,
        *,
        run: Callable[[Coroutine[Any, Any, None]], None],
        took: Callable[[str, Exception], None],
    ) -> None:
        node = configuration.snapshot.agent.node
        self._configuration = configuration
        self._withheld: tuple[Snapshot, frozenset[str]] | None = None
        self.messages = Messages(stories, self._shown, trace.local, took)
        self.tracing = Tracing(stories, node, run)
        self._homer = Homer(self.messages, node, run)
        self._captures = Captures(
            self.messages,
            lambda: configuration.snapshot.agent.capture,
            lambda call_id: register.by_id(call_id) is not None,
            Taps(register, stories, took, withhold=lambda: self._digits_withheld),
        )
        metrics.closer.captures = lambda: len(self._captures.running)
        metrics.closer.capture_dropped = lambda: self._captures.dropped
        metrics.closer.hep = lambda: (self._homer.sent, self._homer.dropped)
        metrics.closer.traces = lambda: self.tracing.counts

    @property
    def _digits_withheld(self) -> bool:
        return self._configuration.snapshot.agent.log.numbers == "masked"

    def _shown(self, position: int) -> bytes | None:
        """A message as captures and Homer get it, see `agent.telemetry.withheld`."""
        data, snapshot = trace.whole(position), self._configuration.snapshot
        if data is None:
            return None
        if self._withheld is None or self._withheld[0] is not snapshot:
            self._withheld = snapshot, snapshot.token_headers
        return withheld.message(data, self._withheld[1], digits=self._digits_withheld)

    @property
    def diagnostics(self) -> Diagnostics:
        """What an operator switches on."""
        snapshot = self._configuration.current
        return Diagnostics(
            projects=lambda: snapshot().projects,
            captures=self._captures,
            numbers_shown=lambda: snapshot().agent.log.numbers == "shown",
        )

    def follow(self, settings: Agent) -> None:
        """Do as the configuration says from now on."""
        self._homer.follow(settings.hep)
        self.tracing.follow(settings.traces)

    def look(self, waits: Callable[[str], bool]) -> None:
        """Look after all of it, once a second; ``waits``: whether a signal of a call is not settled."""
        self._captures.look()
        self._homer.look()
        self.tracing.look(waits)

    async def aclose(self) -> None:
        """End it; what is in the making is written and sent as far as that goes in a moment."""
        await self._captures.aclose()
        self._homer.close()
        await self.tracing.aclose()
