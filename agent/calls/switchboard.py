# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell that turns SIP, HTTP and timer events into core events and carries out what comes back.

Here: which call an event belongs to, what is admitted, and the one state of the node. A single call's
actions are carried out in `agent.calls.live_call`.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from agent.calls.chronicle import Chronicle
from agent.calls.live_call import LiveCall
from agent.calls.services import Services
from agent.core import events as on
from agent.core.admission import Admitted, Invite, Load, Refused, admit
from agent.core.asking import from_bye, from_info, from_refer
from agent.core.brief import Brief
from agent.core.errors import SipError, StorageError
from agent.core.headers import Message
from agent.core.model import Snapshot
from agent.core.moments import SignalState
from agent.core.node import NodeFacts, NodeStatus, status
from agent.core.reasons import Reason, of_status
from agent.core.records import CallRecord, Channel, Way
from agent.delivery.courier import SignalEvent
from agent.sip import events as sip
from agent.sip.leg import Leg


class Switchboard:
    """All calls of this node.

    Args:
        snapshot: gives the configuration in force.
        chronicle: told of all that happens.
        loop: the loop that everything runs on.
    """

    def __init__(
        self, snapshot: Callable[[], Snapshot], chronicle: Chronicle, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._snapshot = snapshot
        self._told = chronicle
        self._loop = loop
        self._services: Services | None = None
        self._calls: dict[str, LiveCall] = {}
        self._by_leg: dict[int, LiveCall] = {}
        self._project_calls: Counter[str] = Counter()
        self._contacts: Counter[tuple[str, str, str]] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsaved: dict[str, CallRecord] = {}
        self._facts = NodeFacts()
        self._told_guard: NodeStatus | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    def connect(self, services: Services) -> None:
        """Give the switchboard the parts that in turn report to it."""
        self._services = services

    # -- the node ----------------------------------------------------------------------------------------

    @property
    def status(self) -> NodeStatus:
        """The node's one state, as it is now."""
        facts = replace(
            self._facts,
            storage_fault=self._parts.store.fault,
            calls=len(self._calls),
            limit=self._snapshot().agent.limits.calls,
        )
        return status(facts)

    def refresh(self) -> NodeStatus:
        """Judge the node's state anew and let the guard in C follow it."""
        now = self.status
        if self._told_guard is None or now.state is not self._told_guard.state:
            self._told.node(now)
            self._parts.stack.apply(now)
            self._told_guard = now
        return now

    def open(self) -> None:
        """Take calls from now on."""
        self._facts = replace(self._facts, started=True)
        self.refresh()

    def drain(self) -> None:
        """Take no new calls; those that are up go on."""
        self._facts = replace(self._facts, draining=True)
        self.refresh()

    async def idle(self) -> None:
        """Wait until no call is up."""
        await self._idle.wait()

    def end_all(self, reason: Reason) -> None:
        """End every call, each with its `failed` moment."""
        for call in tuple(self._calls.values()):
            call.handle(on.EndAsked(reason))

    async def settle(self) -> None:
        """Wait for what was begun: records under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    # -- SIP ---------------------------------------------------------------------------------------------

    def on_sip_event(self, event: sip.StackEvent) -> None:
        """Take what the SIP side reports."""
        if isinstance(event, sip.IncomingCall):
            self._intake(event)
            return
        if isinstance(event, sip.RefusedByStack):
            self._refused_by_stack(event)
            return
        call = self._by_leg.get(event.leg.key)
        if isinstance(event, sip.Ended):
            self._by_leg.pop(event.leg.key, None)
            record, side = (call.record, call.dialled_as(event.leg)) if call else (None, None)
            self._told.leg_over(record, side, event.leg.traffic)
        if call is None:
            return
        side = call.side_of(event.leg)
        if isinstance(event, sip.Ended):
            if event.bye is not None and side is on.Side.AGENT:
                self._read_bye(call, event.bye)
            call.leg_ended(event.leg, event.status)
        elif side is not None:
            self._pass_on(call, side, event)

    def _pass_on(self, call: LiveCall, side: on.Side, event: sip.LegEvent) -> None:
        match event, side:
            case sip.Digit(), _:
                call.handle(on.DtmfReceived(side, event.digit))
            case sip.Provisional(), on.Side.AGENT:
                call.handle(on.AgentProgress(event.status, event.media))
            case sip.Confirmed(), on.Side.AGENT:
                call.handle(on.AgentAnswered())
            case sip.Provisional(), on.Side.QUEUE:
                call.handle(on.QueueProgress(event.status))
            case sip.Confirmed(), on.Side.QUEUE:
                call.handle(on.QueueAnswered())
            case sip.TransferProgress(), on.Side.CALLER:
                call.handle(on.TransferProgress(event.status, event.final))
            case sip.Referred(), on.Side.AGENT:
                asked = from_refer(event.message, call.asking_headers)
                call.asked(asked.ask, Way.REFER, refer_to=asked.refer_to, subscription=event.subscription)
            case sip.Informed(), on.Side.AGENT:
                call.asked(from_info(event.body), Way.INFO)

    def _read_bye(self, call: LiveCall, bye: Message) -> None:
        """A voice agent hung up: with the project's headers it hands the caller back."""
        ask = from_bye(bye, call.asking_headers)
        if ask is not None:
            call.asked(ask, Way.BYE)

    def _intake(self, event: sip.IncomingCall) -> None:
        snapshot = self._snapshot()
        call_id, arrived = _new_call_id(), self._loop.time()
        self._told.bound(call_id, event.leg.sip_call_id, on.Side.CALLER)
        verdict = admit(Invite(event.source, event.message), snapshot, self._load())
        if isinstance(verdict, Refused):
            self._refuse(call_id, event, verdict)
            return
        brief = Brief(call_id, snapshot.agent.node, verdict, event.message)
        call = LiveCall(brief, snapshot, event.leg, self._parts, arrived=arrived, closed=self._closed)
        self._calls[call_id] = call
        self._idle.clear()
        self._by_leg[event.leg.key] = call
        self._count(call.record, 1)
        self._told.admitted(call.record, verdict)
        self.refresh()
        call.begin()

    def _refuse(self, call_id: str, event: sip.IncomingCall, refused: Refused) -> None:
        self._told.refused(call_id, event.leg.sip_call_id, event.source, refused)
        event.leg.refuse(refused.code, refused.reason.text, refused.headers)

    def _refused_by_stack(self, event: sip.RefusedByStack) -> None:
        """Count and tell of an INVITE that was answered without us; the project is that of its number."""
        call_id, sip_call_id = _new_call_id(), event.message.first("call-id")
        self._told.bound(call_id, sip_call_id, on.Side.CALLER)
        verdict = admit(Invite(event.source, event.message), self._snapshot(), self._load())
        project = verdict.project.project if isinstance(verdict, Admitted) else verdict.project
        refused = Refused(of_status(event.status), event.text, project)
        self._told.refused(call_id, sip_call_id, event.source, refused)

    def _load(self) -> Load:
        return Load(
            node=self.status,
            project_calls=self._project_calls.__getitem__,
            contact_is_up=lambda project, contact: (
                self._contacts[project.account, project.project, contact] > 0
            ),
            now=time.time(),
        )

    def adopt(self, leg: Leg, call: LiveCall, side: on.Side) -> None:
        """A call dialled a leg: its events go there."""
        self._by_leg[leg.key] = call
        self._told.bound(call.record.call_id, leg.sip_call_id, side)

    def _closed(self, call: LiveCall) -> None:
        record = call.record
        self._calls.pop(record.call_id, None)
        self._count(record, -1)
        if not self._calls:
            self._idle.set()
        self.refresh()
        self._told.over(record)

    def _count(self, record: CallRecord, step: int) -> None:
        contact = (record.account, record.project, record.contact_id)
        self._project_calls[record.project] += step
        self._contacts[contact] += step
        if not self._contacts[contact]:
            del self._contacts[contact]

    # -- signals -----------------------------------------------------------------------------------------

    def on_signal_event(self, event: SignalEvent) -> None:
        """Take what the courier reports of a signal."""
        signal = event.signal
        self._told.signal(event)
        if signal.channel is not Channel.SIGNAL:
            return  # no call waits for what becomes of a webhook or a transcript
        self._parts.ring(signal.call_id, signal.contact_id)
        call = self._calls.get(signal.call_id)
        if call is not None and signal.state.final:
            accepted = signal.state is SignalState.ACCEPTED
            call.handle(on.SignalSettled(signal.moment, accepted))

    # -- what HTTP may ask -------------------------------------------------------------------------------

    def find(self, account: str, project: str, call_id: str, contact_id: str) -> LiveCall | None:
        """The live call of a project by call id, or the newest one by contact id."""
        for call in reversed(self._calls.values()):
            record = call.record
            if (record.account, record.project) != (account, project):
                continue
            if record.call_id == call_id or (not call_id and record.contact_id == contact_id):
                return call
        return None

    def by_id(self, call_id: str) -> LiveCall | None:
        """The live call of this id."""
        return self._calls.get(call_id)

    def live_calls(self) -> list[LiveCall]:
        """The calls that are up, oldest first."""
        return list(self._calls.values())

    def hang_up(self, call_id: str) -> bool:
        """Let an operator end a call; False when no such call is up."""
        call = self._calls.get(call_id)
        if call is None:
            return False
        call.handle(on.EndAsked(Reason.OPERATOR))
        return True

    # -- shared by calls ---------------------------------------------------------------------------------

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Start a coroutine and keep it until it is done."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._told.broke(error)

    def save(self, record: CallRecord) -> None:
        """Store a call's new state; a fault is logged, the call goes on, and `save_late` tries again."""
        self._unsaved.pop(record.call_id, None)
        self.run(self._save(record))

    def save_late(self) -> None:
        """Store what could not be stored at its time, if the storage has healed since."""
        if self._unsaved and self._parts.store.fault is None:
            for record in tuple(self._unsaved.values()):
                self.save(record)

    async def _save(self, record: CallRecord) -> None:
        try:
            await self._parts.store.update_call(record)
        except StorageError as error:
            self._unsaved[record.call_id] = record
            self._told.not_stored(record, error)

    @property
    def _parts(self) -> Services:
        if self._services is None:
            raise SipError("the switchboard is not connected yet")
        return self._services


def _new_call_id() -> str:
    return f"c-{secrets.token_hex(8)}"
