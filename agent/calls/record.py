# SPDX-License-Identifier: GPL-3.0-or-later
"""The durable record of one call, and its signals until their delivery begins."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from agent.calls.services import Services
from agent.core import events as on
from agent.core import webhook
from agent.core.brief import Brief
from agent.core.call import State
from agent.core.moments import Moment
from agent.core.reasons import Reason
from agent.core.records import Handoff, Signal


class DurableRecord:
    """One call's record and signals: first durable, then begun.

    Args:
        brief: the call's facts.
        services: the rest of the agent.
        sip_call_id: the Call-ID of the caller's leg.

    Attributes:
        record: the call as it is stored.
        opened: whether the call is durable.
    """

    def __init__(self, brief: Brief, services: Services, sip_call_id: str) -> None:
        self._brief = brief
        self._services = services
        self._held: Signal | None = None
        self.record = brief.record(sip_call_id, State.RECORDING.value, time.time())
        self.opened = False

    async def open(self) -> None:
        """Record the call with its arrival signal, and begin that one; raises `StorageError`."""
        signal = self._signal(Moment.ARRIVAL)
        await self._services.store.open_call(self.record, signal)
        self.opened = True
        self._services.metrics.call_started(self.record.project)
        if signal is not None:
            self._begin(signal)

    async def tell(self, action: on.Tell, holds: Callable[[], bool]) -> tuple[bool, bool]:
        """Record a terminal moment: what the voice agent said, its webhook, its signal; and begin them.

        Args:
            action: what is to be told.
            holds: asked once all is durable, whether the signal waits for `begin_held`.

        Returns:
            Whether this moment is the call's terminal one, and whether the script is told of it.

        Raises:
            StorageError: nothing of it is durable.
        """
        store = self._services.store
        held = action.handoff is not None and self._brief.admitted.project.handoff.finish_prompt is not None
        signal = self._signal(action.moment, action.reason, action.handoff, waits=held)
        hook = self._webhook(action.handoff) if action.handoff else None
        if action.handoff is not None:
            first = await store.record_handoff(action.handoff, signal, hook)
            self._services.ring(self.record.call_id, self.record.contact_id, action.handoff.shared_id)
        else:
            first = signal is not None and await store.record_signal(signal) is not None
        if first and hook is not None:
            self._services.courier.begin(hook)
        if signal is None or not first:
            return first, False
        if holds():
            self._held = signal
        else:
            self._begin(signal)
        return True, True

    def begin_held(self) -> None:
        """Begin the signal that was held."""
        signal, self._held = self._held, None
        if signal is not None:
            self._begin(signal)

    def save(self, state: State, **changes: Any) -> None:  # noqa: ANN401 - fields of the record
        """Store where the call stands, without waiting for it."""
        self.record = replace(self.record, state=state.value, **changes)
        if self.opened:
            self._services.save(self.record)

    def note(self, kind: str, text: str) -> None:
        """Add a line to the call's story."""
        self._services.stories.note(self.record.call_id, time.time(), kind, text)

    def _begin(self, signal: Signal) -> None:
        self.note("signal", f"{signal.moment.value} begun: durable, on its way")
        self._services.courier.begin(signal)

    def _webhook(self, handoff: Handoff) -> Signal | None:
        admitted = self._brief.admitted
        labels, signal_id = admitted.rule.labels, f"w-{secrets.token_hex(8)}"
        return webhook.compose(admitted.project, handoff, self.record, signal_id, time.time(), labels=labels)

    def _signal(
        self,
        moment: Moment,
        reason: Reason | None = None,
        handoff: Handoff | None = None,
        *,
        waits: bool = False,
    ) -> Signal | None:
        signal_id = f"s-{secrets.token_hex(8)}"
        composed = self._brief.signal(moment, signal_id, time.time(), reason=reason, handoff=handoff)
        if composed is None:
            return None
        signal, cut = composed
        if cut:
            self.note("signal", f"{moment.value}: {', '.join(cut)} cut at the limit")
            self._services.metrics.parameters_cut(self.record.project, len(cut))
        if waits:
            return signal
        state = self._services.courier.opening_state(self._brief.admitted.project, signal.contact_id)
        return replace(signal, state=state)
