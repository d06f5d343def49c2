# SPDX-License-Identifier: GPL-3.0-or-later
"""The durable record of one call, and its signals until their delivery begins."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from agent.calls.services import Services
from agent.core import actions as do
from agent.core import webhook
from agent.core.brief import Brief
from agent.core.call import State
from agent.core.moments import Moment, SignalState
from agent.core.parameters import cut_warnings
from agent.core.quality import LegQuality
from agent.core.reasons import End, Reason
from agent.core.record_form import Finished, HandoffFacts
from agent.core.records import CallRecord, Channel, Handoff, Signal
from agent.identifiers import fresh


@dataclass(frozen=True)
class _Terminal:
    """A terminal moment: what is stored of it, together."""

    handoff: Handoff | None
    signal: Signal | None
    webhook: Signal | None

    @property
    def entries(self) -> tuple[Signal, ...]:
        """Its entries of the outbox; what comes of the webhook holds up no signal."""
        return tuple(entry for entry in (self.webhook, self.signal) if entry is not None)


class DurableRecord:
    """One call's record and signals: first durable, then begun.

    Args:
        brief: the call's facts.
        services: the rest of the agent.
        sip_call_id: the Call-ID of the caller's leg.

    Attributes:
        record: the call as it is stored.
        opened: whether the call is durable.
        warnings: of the last handoff that was to be told: p1..p9 that had to be cut, and what became of each.
    """

    def __init__(self, brief: Brief, services: Services, sip_call_id: str) -> None:
        self._brief = brief
        self._services = services
        self._held: Signal | None = None
        self._arrival: Signal | None = None
        self._terminal: _Terminal | None = None
        self._telling = False
        self._withdrawn = False
        self._gone = False
        self._saved = 0
        self._legs: dict[int, LegQuality] = {}
        self._ended: CallRecord | None = None  # as it is told with its webhook
        self.record = brief.record(sip_call_id, State.RECORDING.value, time.time())
        self.opened = False
        self.warnings: tuple[tuple[str, str], ...] = ()

    async def open(self) -> None:
        """Record the call with its arrival signal, and begin that one; raises `StorageError`."""
        signal = self._arrival = self._signal(Moment.ARRIVAL)
        await self._services.store.open_call(self.record, signal)
        self.opened = True
        if not self._gone:
            self._services.metrics.call_started(self.record.project)
        if signal is not None:
            self._begin(signal)

    def gone(self) -> bool:
        """Nobody is left; whether the call was counted as up. One that becomes durable later is not."""
        self._gone = True
        return self.opened

    def close_unopened(self) -> None:
        """The call could not be recorded and is over: where it stands all the same, it is over there too."""
        self._services.saves.owe(self.record.call_id, self._close_on_disk)

    async def tell(self, action: do.Tell, holds: Callable[[], bool]) -> tuple[bool, bool]:
        """Record a terminal moment: what the voice agent said, its webhook, its signal; and begin them.

        Until `told` no later state of the call is stored.

        Args:
            action: what is to be told.
            holds: asked once all is durable, whether the signal waits for `begin_held`.

        Returns:
            Whether this moment is the call's terminal one, and whether the script is told of it.

        Raises:
            StorageError: nothing of it is durable, as far as is known; see `tell_later` and `take_back`.
        """
        self._telling, self._terminal, self._withdrawn = True, None, False
        held = action.handoff is not None and self._brief.admitted.project.handoff.finish_prompt is not None
        signal = self._signal(action.moment, action.reason, action.handoff, waits=held)
        hook = self._webhook(action.handoff) if action.handoff else None
        self._terminal = terminal = _Terminal(action.handoff, signal, hook)
        await self._services.saves.settle(self.record.call_id)  # what an earlier handoff left in doubt
        first = await self._write(terminal)
        if not first:
            return False, False
        if hook is not None:
            self._services.courier.begin(hook)
        if signal is None:
            return True, False
        if holds():
            self._held = signal
        else:
            self._begin(signal)
        return True, True

    def tell_later(self) -> None:
        """What `tell` could not record is recorded and begun as soon as the storage lets us."""
        if (terminal := self._terminal) is not None:
            self._services.saves.owe(self.record.call_id, partial(self._tell_late, terminal))
            self.note("decision", "the terminal moment waits in memory until it can be recorded")

    def take_back(self) -> None:
        """What `tell` could not record is wanted no more: where it stands all the same, it is deleted."""
        if (terminal := self._terminal) is not None:
            handoff_id = terminal.handoff.handoff_id if terminal.handoff else ""
            entries = [entry.signal_id for entry in terminal.entries]
            take_back = partial(self._services.store.take_back, handoff_id, entries)
            self._services.saves.owe(self.record.call_id, take_back)

    def told(self) -> None:
        """`tell` is through, whatever became of it: states that came meanwhile are stored, behind it."""
        self._telling = False
        if self._saved != self.record.version:
            self._save()

    def cancel(self, moment: Moment | None) -> None:
        """Take back the signals that are not sent yet, or that of one moment; also one that waits here."""
        self._services.courier.cancel(self.record.call_id, moment)
        self._withdrawn |= moment is None or moment.terminal

    def begin_held(self) -> None:
        """Begin the signal that was held."""
        signal, self._held = self._held, None
        if signal is not None:
            self._begin(signal)

    def save(
        self,
        state: State,
        *,
        answered: float | None = None,
        ended: float | None = None,
        end: str = "",
        reason: str = "",
    ) -> None:
        """Store where the call stands, without waiting for it."""
        legs = tuple(self._legs.values())
        self.record = self.record.moved(
            state.value, answered=answered, ended=ended, end=end, reason=reason, legs=legs
        )
        if self.opened and not self._telling:
            self._save()

    def measured(self, key: int, leg: LegQuality) -> None:
        """What RTP did on a leg that is gone; it belongs to the record, unless that is stored by now."""
        self._legs[key] = leg
        if self.record.ended is None:
            return
        told = self.record.measured(tuple(self._legs.values()))
        if self._telling or self._ends_with_webhook or self._services.saves.renew(told):
            self.record = told

    def note(self, kind: str, text: str) -> None:
        """Add a line to the call's story."""
        self._services.stories.note(self.record.call_id, time.time(), kind, text)

    def _save(self) -> None:
        self._saved = self.record.version
        if self._ends_with_webhook:
            self._services.saves.owe(self.record.call_id, self._end)
        else:
            self._services.saves.save(self.record)

    @property
    def _ends_with_webhook(self) -> bool:
        """Whether the call is over, and the customer's system is told so."""
        return self.record.ended is not None and webhook.tells_of_ends(self._brief.admitted.project)

    async def _end(self) -> None:
        """Store that the call is over and what tells of it, together; the same again where that failed."""
        if self.record.ended is None:  # it broke before it could end
            await self._services.store.update_call(self.record)
            return
        self._ended = call = self._ended or self.record
        terminal = self._terminal
        handoff = terminal.handoff if terminal is not None and call.end == End.HANDOFF.value else None
        finished = Finished(call, None if handoff is None else HandoffFacts.of(handoff))
        hook = webhook.compose_end(self._brief.admitted.project, finished, time.time())
        if await self._services.store.update_call(call, hook) and hook is not None:
            self._begin(hook)

    async def _close_on_disk(self) -> None:
        if self._arrival is not None:
            await self._services.store.update_signal(self._arrival.signal_id, SignalState.CANCELLED, None)
        await self._end()

    async def _write(self, terminal: _Terminal) -> bool:
        """Record a terminal moment; False when another one, or this one, stands already."""
        store, handoff, signal = self._services.store, terminal.handoff, terminal.signal
        if handoff is None:
            return signal is not None and await store.record_signal(signal) is not None
        first = await store.record_handoff(handoff, signal, terminal.webhook)
        self._services.ring(self.record.call_id, self.record.contact_id, handoff.shared_id)
        return first

    async def _tell_late(self, terminal: _Terminal) -> None:
        signal = terminal.signal
        if signal is not None:
            state = self._services.courier.opening_state(self._brief.admitted.project, signal.contact_id)
            terminal = replace(terminal, signal=replace(signal, state=state))
        entries = terminal.entries
        if not await self._write(terminal):
            # The write that failed may stand, and another moment may be first.
            found = [await self._services.store.signal(entry.signal_id) for entry in entries]
            entries = tuple(entry for entry in found if entry is not None and not entry.state.final)
        for entry in entries:
            self._begin(entry)
        if self._withdrawn:
            self._services.courier.cancel(self.record.call_id)

    def _begin(self, signal: Signal) -> None:
        if signal.channel is Channel.SIGNAL:
            self.note("signal", f"{signal.moment.value} begun: durable, on its way")
        self._services.courier.begin(signal)

    def _webhook(self, handoff: Handoff) -> Signal | None:
        admitted = self._brief.admitted
        labels, signal_id = admitted.rule.labels, f"w-{fresh()}"
        return webhook.compose(admitted.project, handoff, self.record, signal_id, time.time(), labels=labels)

    def _signal(
        self,
        moment: Moment,
        reason: Reason | None = None,
        handoff: Handoff | None = None,
        *,
        waits: bool = False,
    ) -> Signal | None:
        signal_id, admitted = f"s-{fresh()}", self._brief.admitted
        begins = partial(self._services.courier.opening_state, admitted.project, admitted.contact_id)
        composed = self._brief.signal(
            moment, signal_id, time.time(), reason=reason, handoff=handoff, begins=None if waits else begins
        )
        if composed is None:
            return None
        signal, cut = composed
        if handoff is not None:
            self.warnings = cut_warnings(cut, signal.parameters, handoff.parameters)
        if cut:
            self.note("signal", f"{moment.value}: {', '.join(cut)} cut at the limit")
            self._services.metrics.parameters_cut(self.record.project, len(cut))
        return signal
