# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell that turns SIP events into core events: which call an event belongs to, and what is admitted.

It keeps the one state of the node. A single call's actions are carried out in `agent.calls.live_call`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from agent.calls.chronicle import Chronicle
from agent.calls.live_call import LiveCall
from agent.calls.register import Register
from agent.calls.services import Services
from agent.core import events as on
from agent.core.admission import Admitted, Invite, Load, Refused, admit, asked_number
from agent.core.asking import from_bye, from_info, from_refer
from agent.core.brief import Brief
from agent.core.digest import Nonces
from agent.core.headers import Message
from agent.core.model import Snapshot
from agent.core.node import READY, NodeFacts, NodeStatus, status
from agent.core.reasons import Reason, of_status
from agent.core.records import Way
from agent.core.refusals import Refusals, RefusedInvite
from agent.core.sides import Side
from agent.core.sources import true_source
from agent.identifiers import fresh
from agent.sip import events as sip
from agent.sip.leg import Leg


class Switchboard:
    """All calls of this node.

    Args:
        register: the calls that are up.
        services: the rest of the agent.
        snapshot: gives the configuration in force.
        chronicle: told of all that happens.
    """

    def __init__(
        self,
        register: Register,
        services: Services,
        snapshot: Callable[[], Snapshot],
        chronicle: Chronicle,
    ) -> None:
        self._register = register
        self._services = services
        self._snapshot = snapshot
        self._told = chronicle
        self._facts = NodeFacts()
        self._nonces = Nonces()
        self._for_good = False
        self._told_guard: NodeStatus | None = None

    # -- the node ----------------------------------------------------------------------------------------

    @property
    def status(self) -> NodeStatus:
        """The node's one state, as it is now."""
        fixed, services = self._facts, self._services
        fault, trouble = services.store.fault, services.contained.trouble
        calls, limit = len(self._register), self._snapshot().agent.limits.calls
        if fixed.started and not fixed.draining and fault is trouble is None and calls < limit:
            return READY
        return status(NodeFacts(fixed.started, fixed.draining, fault, calls, limit, trouble))

    @property
    def refusals(self) -> Refusals:
        """The newest INVITEs that were refused."""
        return self._told.refusals

    def refresh(self) -> NodeStatus:
        """Judge the node's state anew and let the guard in C follow it."""
        now = self.status
        changed = self._told_guard is None or now.state is not self._told_guard.state
        if changed and self._services.contained.run("guard", self._services.stack.apply, now):
            self._told.node(now)
            self._told_guard = now  # else it is told at the next look
        return now

    def open(self) -> None:
        """Take calls from now on."""
        self._facts = replace(self._facts, started=True)
        self.refresh()

    def drain(self, *, for_good: bool = False) -> None:
        """Take no new calls; those that are up go on. A drain for good can't be taken back."""
        self._for_good = self._for_good or for_good
        self._facts = replace(self._facts, draining=True)
        self.refresh()

    def end_drain(self) -> bool:
        """Take calls again; False when the drain is for good."""
        if self._for_good:
            return False
        self._facts = replace(self._facts, draining=False)
        self.refresh()
        return True

    def end_all(self, reason: Reason) -> None:
        """End every call, each with its `failed` moment."""
        for call in self._register.calls():
            call.handle(on.EndAsked(reason))

    # -- SIP ---------------------------------------------------------------------------------------------

    def on_sip_event(self, event: sip.StackEvent) -> None:
        """Take what the SIP side reports."""
        if isinstance(event, sip.IncomingCall):
            self._intake(event)
            return
        if isinstance(event, sip.RefusedByStack):
            self._refused_by_stack(event)
            return
        call = self._register.by_leg(event.leg)
        if isinstance(event, sip.Ended):
            self._leg_over(event, call)
        elif call is not None and (side := call.legs.side_of(event.leg)) is not None:
            if not isinstance(event, sip.AudioCarried):
                self._pass_on(call, side, event)
            elif side is Side.CALLER:  # the other leg says the same
                call.legs.carried = event.relayed, event.why
                self._told.carried(call.record, relayed=event.relayed, why=event.why)

    def _leg_over(self, event: sip.Ended, call: LiveCall | None) -> None:
        self._register.remove_leg(event.leg)
        if call is None:
            self._told.leg_over(None, None, event.traffic)
            return
        record, side = call.record, call.legs.dialled_as(event.leg)
        run = call.contained.run
        run("news", self._told.leg_over, record, side, event.traffic)
        if event.traffic.received or event.traffic.sent:
            run("record", call.measured, event.leg, side, event.traffic)
        if (bye := event.bye) is not None and call.legs.side_of(event.leg) is Side.AGENT:
            run("event", self._read_bye, call, bye)
        call.leg_ended(event)  # whatever became of that

    def _pass_on(self, call: LiveCall, side: Side, event: sip.LegEvent) -> None:
        match event, side:
            case sip.Digit(), _:
                call.handle(on.DtmfReceived(side, event.digit, event.milliseconds, event.across))
            case sip.Provisional(), Side.AGENT:
                call.handle(on.AgentProgress(event.status, event.media))
            case sip.Confirmed(), Side.AGENT:
                call.answered(side, audio=event.audio)
            case sip.Provisional(), Side.TARGET:
                call.handle(on.TargetProgress(event.status))
            case sip.Confirmed(), Side.TARGET:
                call.answered(side, audio=event.audio)
            case sip.TransferProgress(), Side.CALLER:
                call.handle(on.TransferProgress(event.status, event.final, event.retry_after))
            case sip.Referred(), Side.AGENT:
                asked = from_refer(event.message, call.asking.headers)
                call.asking.on_leg(
                    asked.ask, Way.REFER, refer_to=asked.refer_to, subscription=event.subscription
                )
                if asked.uui_left_out:
                    call.asking.tell_uui_left_out()
            case sip.Informed(), Side.AGENT:
                call.asking.on_leg(from_info(event.body), Way.INFO)

    def _read_bye(self, call: LiveCall, bye: Message) -> None:
        """A voice agent hung up: with the project's headers it hands the caller back."""
        ask = from_bye(bye, call.asking.headers)
        if ask is not None:
            call.asking.on_leg(ask, Way.BYE)

    def _intake(self, event: sip.IncomingCall) -> None:
        """Admit an INVITE or refuse it; where that breaks, refuse it too."""
        leg, call_id = self._services.stack.leg(event.leg), _new_call_id()
        try:
            self._admit(event, leg, call_id)
        except Exception as error:  # noqa: BLE001 - the caller waits for an answer
            contained, refused = self._services.contained, Refused(Reason.INTERNAL, Reason.INTERNAL.text)
            contained.took("intake", error, call_id=call_id)
            if (call := self._register.by_leg(leg.key)) is not None:
                self._register.remove(call)
            invite = self._invite(event)
            contained.run("news", self._tell_refused, call_id, leg.sip_call_id, invite, refused)
            leg.refuse(refused.code, refused.reason.text)

    def _admit(self, event: sip.IncomingCall, leg: Leg, call_id: str) -> None:
        snapshot, arrived = self._snapshot(), asyncio.get_running_loop().time()
        self._told.bound(call_id, leg.sip_call_id, Side.CALLER)
        invite = self._invite(event)
        verdict = admit(invite, snapshot, self._load())
        if isinstance(verdict, Refused):
            self._tell_refused(call_id, leg.sip_call_id, invite, verdict)
            leg.refuse(verdict.code, verdict.reason.text, verdict.headers)
            return
        traces = snapshot.agent.traces
        traced, joins = (None, False) if traces is None else (traces.sample, traces.join)
        brief = Brief(call_id, snapshot.agent.node, verdict, event.message, traced, joins)
        call = LiveCall(
            brief,
            snapshot,
            leg,
            self._services,
            arrived=arrived,
            dialled=self._dialled,
            closed=self._closed,
        )
        self._register.add(call)
        self._register.add_leg(leg.key, call)
        leg.belong_to(call.facts)
        self._told.admitted(call.record, verdict)
        if brief.parent is not None:
            self._told.joins(call_id, brief.parent)
        self.refresh()
        call.begin()

    def _refused_by_stack(self, event: sip.RefusedByStack) -> None:
        """Count and tell of an INVITE that was answered without us; the project is that of its number."""
        call_id, sip_call_id = _new_call_id(), event.message.first("call-id")
        self._told.bound(call_id, sip_call_id, Side.CALLER)
        invite = self._invite(event)
        verdict = admit(invite, self._snapshot(), self._load())
        if isinstance(verdict, Refused) and verdict.code == event.status:
            refused = verdict  # for the same reason, and in better words
        else:
            project = verdict.project.project if isinstance(verdict, Admitted) else verdict.project
            refused = Refused(of_status(event.status), event.text, project, status=event.status)
        self._tell_refused(call_id, sip_call_id, invite, refused)

    def _tell_refused(self, call_id: str, sip_call_id: str, invite: Invite, refused: Refused) -> None:
        self._told.refused(
            RefusedInvite(
                time.time(),
                call_id,
                sip_call_id,
                invite.source,
                asked_number(invite, self._snapshot()),
                refused.project,
                refused.code,
                refused.reason.value,
                refused.detail,
            )
        )

    def _invite(self, event: sip.IncomingCall | sip.RefusedByStack) -> Invite:
        proxies = self._snapshot().agent.sip.trusted_proxies
        return Invite(true_source(event.source, event.message, proxies), event.message)

    def _load(self) -> Load:
        return Load(
            node=self.status,
            project_calls=self._register.of_project,
            contact_is_up=lambda project, contact: self._register.contact_is_up(
                project.account, project.project, contact
            ),
            now=time.time(),
            nonces=self._nonces,
        )

    def _dialled(self, call: LiveCall, leg: Leg, side: Side) -> None:
        self._register.add_leg(leg.key, call)
        leg.belong_to(call.facts)
        self._told.bound(call.record.call_id, leg.sip_call_id, side)

    def _closed(self, call: LiveCall) -> None:
        self._register.remove(call)
        self.refresh()
        self._told.over(call.record)


def _new_call_id() -> str:
    return f"c-{fresh()}"
