# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell of one call: feeds its state machine and carries out what comes back."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from agent.clocks import Clocks
from agent.core import events as on
from agent.core.brief import Brief
from agent.core.call import Call, State
from agent.core.errors import SipError, StorageError
from agent.core.events import Action, Audio, Event, Side, Timer
from agent.core.model import Snapshot, Target
from agent.core.moments import Moment
from agent.core.reasons import End, Reason
from agent.core.records import Handoff, Signal
from agent.core.targets import in_order
from agent.media_watch import MediaWatch
from agent.services import Services
from agent.sip.leg import Leg


class LiveCall:
    """One call from admission to its end.

    Args:
        brief: the call's facts.
        snapshot: the configuration it started with, which it keeps.
        leg: the caller's leg.
        services: the rest of the agent.
        arrived: when the INVITE came, by the loop's clock.
        closed: called once, when the call is over.

    Attributes:
        record: the call as it is stored.
    """

    def __init__(
        self,
        brief: Brief,
        snapshot: Snapshot,
        leg: Leg,
        services: Services,
        *,
        arrived: float,
        closed: Callable[[LiveCall], None],
    ) -> None:
        self._brief = brief
        self._snapshot = snapshot
        self._services = services
        self._closed = closed
        self._arrived = arrived
        self._project = brief.admitted.project
        self._targets = in_order(self._project.voice_agent.targets, random.random, services.targets_down())
        self._machine = Call(len(self._targets))
        self._legs: dict[Side, Leg] = {Side.CALLER: leg}
        self._dialled: dict[int, int] = {}  # leg key → the attempt it came from
        self._clocks = Clocks(snapshot.agent.limits, self._project, self._fired)
        self._told: asyncio.Future[bool] | None = None
        self._terminal_at = 0.0
        self._invite_settled = False
        self._recorded = False
        self._watch = MediaWatch(snapshot.agent.media.silence_timeout, self._legs, self._media_lost)
        self.record = brief.record(leg.sip_call_id, State.RECORDING.value, time.time())

    @property
    def state(self) -> State:
        """Where the call stands."""
        return self._machine.state

    @property
    def legs(self) -> dict[Side, Leg]:
        """The legs that belong to the call now."""
        return self._legs

    def begin(self) -> None:
        """Start with the first actions."""
        self._perform(self._machine.begin())

    def handle(self, event: Event) -> None:
        """Let the state machine take an event."""
        self._perform(self._machine.handle(event))

    def side_of(self, leg: Leg) -> Side | None:
        """Which side a leg is on now; None for a voice agent's leg that was given up."""
        return next((side for side, one in self._legs.items() if one is leg), None)

    def leg_ended(self, leg: Leg, status: int) -> None:
        """A leg is gone, the present one or an earlier one."""
        side = Side.CALLER if leg is self._legs[Side.CALLER] else Side.AGENT
        if self._legs.get(side) is leg and side is Side.AGENT:
            del self._legs[side]
        self.handle(on.LegEnded(side, status, self._dialled.get(leg.key, 0)))

    async def hand_off(self, handoff: Handoff) -> bool:
        """Let the voice agent hand the caller back.

        Returns:
            True once handoff and signal are durable, False when a terminal moment came before.

        Raises:
            StorageError: they could not be made durable; the call goes on as it was.
        """
        if not self._machine.takes_handoff:
            return False
        told = self._told = asyncio.get_running_loop().create_future()
        self.handle(on.HandoffAsked(handoff))
        recorded: bool = await told
        return recorded

    def note(self, kind: str, text: str) -> None:
        """Add a line to the call's story."""
        self._services.stories.note(self.record.call_id, time.time(), kind, text)

    # -- actions -----------------------------------------------------------------------------------------

    def _perform(self, actions: Iterable[Action]) -> None:
        for action in actions:
            self._perform_one(action)

    def _perform_one(self, action: Action) -> None:  # noqa: C901, PLR0912 - one line for each action
        match action:
            case on.Record():
                self._services.run(self._make_durable())
            case on.Tell():
                self._services.run(self._tell(action))
            case on.Dial():
                self._services.run(self._dial(self._targets[action.target], action.attempt))
            case on.Relay():
                self._caller.ring(action.status, media=action.media)
            case on.AnswerCaller():
                self._answer()
            case on.RefuseCaller():
                self._refuse(action.reason)
            case on.HangUp():
                self._hang_up(action.side)
            case on.Play():
                self._play(action.audio)
            case on.SendDtmf():
                if leg := self._legs.get(action.side):
                    leg.send_dtmf(action.digit)
            case on.CancelSignals():
                self._services.courier.cancel(self.record.call_id)
            case on.Start():
                self._clocks.start(action.timer)
            case on.Stop():
                self._clocks.stop(action.timer)
            case on.Close():
                self._close(action.end, action.reason)

    async def _make_durable(self) -> None:
        signal = self._signal(Moment.ARRIVAL)
        try:
            await self._services.store.open_call(self.record, signal)
        except Exception as error:  # a mistake of ours must not leave a caller in silence either
            self.note("decision", f"not recorded: {error}")
            self.handle(on.NotRecorded())
            if isinstance(error, StorageError):
                return
            raise
        self._recorded = True
        self._services.metrics.call_started(self.record.project)
        if signal is not None:
            self._begin(signal)
        self.handle(on.Recorded())

    async def _tell(self, action: on.Tell) -> None:
        self._terminal_at = time.monotonic()
        self.note("decision", f"{action.moment.value}: {action.reason.text}")
        signal = self._signal(action.moment, action.reason, action.handoff)
        store = self._services.store
        try:
            if action.handoff is not None:
                first = await store.record_handoff(action.handoff, signal)
            else:
                first = signal is not None and await store.record_signal(signal) is not None
        except Exception as error:  # as above
            self.note("decision", f"{action.moment.value} not recorded: {error}")
            self._resolve_told(error)
            self.handle(on.NotTold())
            if isinstance(error, StorageError):
                return
            raise
        sent = signal is not None and first
        if sent and signal is not None:
            self._begin(signal)
        self._resolve_told(first)
        self.handle(on.Told(sent))

    def _begin(self, signal: Signal) -> None:
        self.note("signal", f"{signal.moment.value} begun: durable, on its way")
        self._services.courier.begin(signal)

    def _resolve_told(self, outcome: Exception | bool) -> None:  # noqa: FBT001 - one of two outcomes
        told, self._told = self._told, None
        if told is None or told.done():
            return
        if isinstance(outcome, Exception):
            told.set_exception(outcome)
        else:
            told.set_result(outcome)

    def _signal(
        self, moment: Moment, reason: Reason | None = None, handoff: Handoff | None = None
    ) -> Signal | None:
        signal_id = f"s-{secrets.token_hex(8)}"
        composed = self._brief.signal(moment, signal_id, time.time(), reason=reason, handoff=handoff)
        if composed is None:
            return None
        signal, cut = composed
        if cut:
            self.note("signal", f"{moment.value}: {', '.join(cut)} cut at the limit")
            self._services.metrics.parameters_cut(self.record.project, len(cut))
        state = self._services.courier.opening_state(self._project, signal.contact_id)
        return replace(signal, state=state)

    async def _dial(self, target: Target, attempt: int) -> None:
        self.note("decision", f"dial {target.uri} ({attempt} of {len(self._targets)})")
        try:
            uri = await self._services.resolve(target)
            if not self._machine.wants(attempt):
                return  # given up while its name was looked up
            leg = self._services.stack.dial(
                uri,
                self._brief.invite_headers(),
                local_user=self._brief.caller_user,
                max_forwards=self._brief.hops_left,
            )
        except SipError as error:
            self.note("decision", f"{target.uri}: {error}")
            self.handle(on.LegEnded(Side.AGENT, 503, attempt))
            return
        self._legs[Side.AGENT] = leg
        self._dialled[leg.key] = attempt
        self._services.adopt(leg, self)

    def _answer(self) -> None:
        if not self._caller.answer():
            return  # the caller is gone; its end is on the way to us
        self.record = replace(self.record, answered=time.time())
        seconds = asyncio.get_running_loop().time() - self._arrived
        self._services.metrics.call_answered(self.record.project, seconds)
        self._settle_invite(Reason.ANSWERED)
        self._save()
        self._watch.begin()

    def _refuse(self, reason: Reason) -> None:
        self.note("decision", f"refused with {reason.code} {reason.text}")
        self._settle_invite(reason)
        headers = (("Retry-After", "10"),) if reason is Reason.NOT_READY else ()
        self._caller.refuse(reason.code, reason.text, headers)

    def _settle_invite(self, result: Reason) -> None:
        if not self._invite_settled:
            self._invite_settled = True
            self._services.metrics.invite_answered(self.record.project, result.value)

    def _hang_up(self, side: Side) -> None:
        leg = self._legs.get(side)
        if side is Side.AGENT:
            self._legs.pop(side, None)
            if self._machine.state is State.RETURNING:
                method = self._project.handoff.method
                self._services.metrics.media_returned(method, time.monotonic() - self._terminal_at)
        if leg is not None:
            leg.hang_up()

    def _play(self, audio: Audio) -> None:
        agent = self._legs.get(Side.AGENT)
        if audio is Audio.BRIDGED and agent is not None:
            self._caller.hear(agent)
            agent.hear(self._caller)
        elif audio is Audio.COMFORT:
            choice = self._project.handoff.comfort_audio
            self.note("audio", f"the caller hears comfort audio ({choice})")
            self._caller.hear(self._services.stack.comfort.player(choice))
            if agent is not None:
                agent.hear(None)

    # -- clocks ------------------------------------------------------------------------------------------

    def _fired(self, timer: Timer) -> None:
        self.note("decision", f"timer {timer.value} ran out")
        self.handle(on.TimerFired(timer))

    def _media_lost(self, side: Side) -> None:
        self.note("audio", f"no RTP from the {side.value} any more")
        self.handle(on.MediaLost(side))

    # -- end ---------------------------------------------------------------------------------------------

    def _close(self, end: End, reason: Reason) -> None:
        self._watch.end()
        self._settle_invite(Reason.CANCELLED)  # where nothing else did: the caller gave up
        self.record = replace(self.record, ended=time.time(), end=end.value, reason=reason.value)
        self.note("decision", f"over: {end.value}, {reason.text}")
        if self._recorded:
            self._services.metrics.call_ended(self.record.project, end.value)
            self._save()
        self._closed(self)

    def _save(self) -> None:
        self.record = replace(self.record, state=self._machine.state.value)
        self._services.save(self.record)

    @property
    def _caller(self) -> Leg:
        return self._legs[Side.CALLER]
