# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell of one call: feeds its state machine, and lets what comes back be carried out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from agent.calls.actions import Actions
from agent.calls.asking import Asking
from agent.calls.invite import InviteTransaction
from agent.calls.legs import Legs
from agent.calls.parts import Parts
from agent.calls.record import DurableRecord
from agent.calls.services import Services
from agent.core import events as on
from agent.core import story
from agent.core.actions import Action
from agent.core.brief import Brief
from agent.core.call import LASTING, Machine, State
from agent.core.events import Event
from agent.core.links import back
from agent.core.model import Snapshot
from agent.core.reasons import End, Reason
from agent.core.records import CallRecord
from agent.core.sides import Side
from agent.sip.events import Ended
from agent.sip.leg import Leg
from agent.sip.players import Player
from agent.sip.traffic import Traffic
from agent.telemetry.logs import call_facts, enter_call, leave_call, logger, wanted

_log = logger("call")


class LiveCall:
    """One call from admission to its end.

    Args:
        brief: the call's facts.
        snapshot: the configuration it started with, which it keeps.
        leg: the caller's leg.
        services: the rest of the agent.
        arrived: when the INVITE came, by the loop's clock.
        dialled: called with each leg that the call dials, and its side: its events belong to this call.
        closed: called once, when the call is over.

    Attributes:
        legs: those of the call.
        asking: takes the voice agent's wish for a handoff.
        facts: which call it is, for the lines of code that serve calls but know none.
        contained: takes what goes wrong in the call.
    """

    def __init__(
        self,
        brief: Brief,
        snapshot: Snapshot,
        leg: Leg,
        services: Services,
        *,
        arrived: float,
        dialled: Callable[[LiveCall, Leg, Side], None],
        closed: Callable[[LiveCall], None],
    ) -> None:
        agent, admitted = snapshot.agent, brief.admitted
        self._brief = brief
        self._services = services
        self._closed = closed
        self.facts: Mapping[str, str] = {"call_id": brief.call_id, "project": admitted.project.project}
        self._project = project = admitted.project
        self.contained = services.contained.of_call(brief.call_id, project.project)
        self._machine = Machine(brief.plan)
        self._record = DurableRecord(brief, services, leg.sip_call_id)
        self.legs = Legs(leg, back(self._comfort))
        record, machine, contained = self._record, self._machine, self.contained
        parts = Parts(brief, services, machine, record, self.legs, contained, back(self.handle))
        self.asking = Asking(parts)
        self._invite = InviteTransaction(leg, project.project, services.metrics, arrived)
        self._told_of_leg = dialled
        self._actions = Actions(
            parts,
            agent,
            self.asking,
            self._invite,
            dialled=back(self._dialled),
            run=back(self._run),
            close=back(self._close),
        )
        self._events: deque[Event] = deque()
        self._acting = False
        self._over = False
        leg.latch = agent.media.latch_of(nat=admitted.carrier.nat)

    @property
    def record(self) -> CallRecord:
        """The call as it is stored."""
        return self._record.record

    @property
    def state(self) -> State:
        """Where the call stands."""
        return self._machine.state

    @property
    def end(self) -> End:
        """How the call ends, as things stand: by which terminal moment, or the caller's hanging up."""
        return End(self.record.end) if self.record.end else self._machine.end

    @property
    def handed_off(self) -> str:
        """Id of the handoff that is the call's terminal moment; empty where another one is, or none yet."""
        handoff = self.asking.handoff if self.end is End.HANDOFF else None
        return handoff.handoff_id if handoff else ""

    def begin(self) -> None:
        """Start with the first actions."""
        token = enter_call(self.facts)
        try:
            self._actions.perform(self._machine.begin())
        finally:
            leave_call(token)

    def handle(self, event: Event) -> None:
        """Let the state machine take an event; raises nothing.

        One that comes of an action is taken when the actions beside it are through.
        """
        self._events.append(event)
        if self._acting:
            return
        self._acting = True
        token = enter_call(self.facts)
        try:
            while self._events:
                self._take(self._events.popleft())
        finally:
            leave_call(token)
            self._acting = False

    def _take(self, event: Event) -> None:
        if self._over:
            return
        before = self._machine.state
        try:
            actions = self._machine.handle(event)
        except Exception as error:  # noqa: BLE001 - nobody must be left on the line by a mistake of ours
            self.contained.took("machine", error)
            self._abandon(error)
            return
        if wanted.debug:
            self._tell_step(event, before, actions)
        self._actions.perform(actions)
        if self._machine.state is not before:
            record = self.record
            self.contained.run("news", self._services.ring, record.call_id, record.contact_id)
            if self._machine.state in LASTING:
                self.contained.run("record", self._record.save, self._machine.state)

    def _tell_step(self, event: Event, before: State, actions: Iterable[Action]) -> None:
        """By their names alone: what is in them may be a caller's digits."""
        _log.debug(
            "a step of the call",
            **call_facts(),
            on=type(event).__name__,
            state=before.value,
            then=self._machine.state.value,
            does=[type(action).__name__ for action in actions],
        )

    def answered(self, side: Side, *, audio: bool) -> None:
        """A leg that we dialled sent its 2xx, by which audio can flow or not."""
        if not audio:
            words = f"{story.NO_ANSWER}no audio can flow by the 200 of the {side.value}"
            self.contained.run("news", self._record.note, "decision", words)
        self.handle(on.AgentAnswered(audio) if side is Side.AGENT else on.TargetAnswered(audio))

    def measured(self, leg: int, side: Side, traffic: Traffic) -> None:
        """What RTP did on a leg that is gone, or is about to go."""
        carried = self.legs.carried
        path = "" if carried is None else "relay" if carried[0] else "mix"
        quality = traffic.quality(side.value, path)
        self._record.measured(leg, quality)
        if (mos := quality.mos) is not None:
            self._services.metrics.leg_rated(side.value, mos)
            how = ", ".join(filter(None, (quality.codec, path)))
            self._record.note("audio", f"{side.value}: MOS {mos:.2f} by estimate ({how})")

    def leg_ended(self, ended: Ended) -> None:
        """A leg is gone, the present one of its side or an earlier one."""
        side, attempt = self.legs.ended(ended.leg)
        if ended.lost:
            words = f"{story.LOST}{side.value}, {ended.status} {ended.text}".rstrip()
            self.contained.run("news", self._record.note, "decision", words)
        self.handle(on.LegEnded(side, ended.status, attempt, ended.lost))

    # -- what its parts ask of it ------------------------------------------------------------------------

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._services.run(self._held_meanwhile(work))

    async def _held_meanwhile(self, work: Coroutine[Any, Any, None]) -> None:
        """The call's parts do not hold it; what is done for it does."""
        await work

    def _dialled(self, leg: Leg, side: Side) -> None:
        self._told_of_leg(self, leg, side)

    def _comfort(self) -> Player | None:
        choice = self._project.handoff.comfort_audio
        self._record.note("audio", f"the caller hears comfort audio ({choice})")
        try:
            return self._services.stack.comfort.player(choice)
        except Exception as error:  # noqa: BLE001 - silence is better than no way back
            self.contained.took("comfort", error)
            self._record.note("audio", f"comfort audio is silent: {error}")
            return None

    # -- end ---------------------------------------------------------------------------------------------

    def _close(self, end: End, reason: Reason) -> None:
        self._over = True
        self._actions.end()
        # Where nothing else did: the caller gave up, or was lost.
        result = reason if end is End.FAILED and reason.code else Reason.CANCELLED
        self.contained.run("action", self._invite.settle, result)
        self.contained.run("action", self.asking.close)
        if (lingers := self.legs.lingers) is not None:
            self.contained.run("record", self.measured, lingers.key, Side.AGENT, lingers.measure())
        ended = {"ended": time.time(), "end": end.value, "reason": reason.value}
        self.contained.run("record", self._record.save, State.ENDED, **ended)
        self._record.note("decision", f"over: {end.value}, {reason.text}")
        self._gone(end, reason)

    def _abandon(self, error: Exception) -> None:
        """Let go of everybody. The call stays up on disk: the next process tells the script."""
        self._over = True
        self._actions.end()
        self._actions.stop_all()
        self.contained.run("action", self._invite.give_up, Reason.INTERNAL)
        for side in tuple(self.legs.legs):
            self.contained.run("action", self.legs.hang_up, side)
        self.contained.run("action", self.asking.broke, error)
        self._gone(End.FAILED, Reason.INTERNAL)

    def _gone(self, end: End, reason: Reason) -> None:
        if self._record.gone():
            why = reason.value if end is End.FAILED else ""
            count = self._services.metrics.call_ended
            self.contained.run("record", count, self._project.project, end.value, why)
        self.contained.run("action", self._closed, self)
