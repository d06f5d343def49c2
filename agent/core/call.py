# SPDX-License-Identifier: GPL-3.0-or-later
"""The call as a pure state machine: events in, actions out; no I/O, no clock.

``RECORDING → DIALLING → BRIDGED → TELLING → RETURNING → ENDED`` is the way of a call that is handed off.
Whoever reaches a terminal moment first decides it; nothing takes it back, so at most one `Tell` that was
confirmed ever leaves a call.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import ClassVar

from agent.core import events as on
from agent.core.events import (
    Action,
    AnswerCaller,
    Audio,
    CancelSignals,
    Close,
    Dial,
    Event,
    HangUp,
    Play,
    Record,
    RefuseCaller,
    Relay,
    SendDtmf,
    Side,
    Start,
    Stop,
    Tell,
    Timer,
)
from agent.core.moments import Moment
from agent.core.reasons import End, Reason

Actions = list[Action]


class State(StrEnum):
    """Where a call stands; the value is what its record holds."""

    RECORDING = "recording"  # admitted; not yet durable
    DIALLING = "dialling"  # the voice agent is being called
    BRIDGED = "bridged"  # both legs answered
    TELLING = "telling"  # a terminal moment came; the script is being told
    RETURNING = "returning"  # the voice agent is gone; the contact centre takes the caller back
    ENDED = "ended"


class Call:
    """One call. Feed each event to `handle` and carry out what it returns, in order.

    Args:
        targets: how many targets the plan holds, in the order in which they are to be tried.

    Attributes:
        state: where the call stands.
        answered: whether the caller got our 200.
        terminal: the terminal moment, once it is known.
    """

    def __init__(self, targets: int) -> None:
        self.state = State.RECORDING
        self.answered = False
        self.terminal: Moment | None = None
        self._targets = targets
        self._attempt = 0  # the dial that counts; 0 before the first
        self._agent_up = False  # there is a voice agent's leg that we must end
        self._caller_up = True
        self._telling = False  # a `Tell` is not answered yet
        self._end_wanted: Reason | None = None  # asked for while the record was under way
        self._reason = Reason.INTERNAL

    def begin(self) -> Actions:
        """The actions for a call that has just been admitted."""
        return [Record()]

    def handle(self, event: Event) -> Actions:
        """Take one event; an event that means nothing in this state gives no action."""
        reaction = self._TABLE.get((self.state, type(event)))
        return reaction(self, event) if reaction else []

    @property
    def takes_handoff(self) -> bool:
        """Whether a handoff may still be asked for."""
        return self.state is State.BRIDGED

    def wants(self, attempt: int) -> bool:
        """Whether the dial of this number is still the one that counts."""
        return self.state is State.DIALLING and self._attempt == attempt

    # -- recording ---------------------------------------------------------------------------------------

    def _recorded(self, _: on.Recorded) -> Actions:
        if not self._caller_up:
            return [CancelSignals(), *self._close(End.CALLER, Reason.CANCELLED)]
        if self._end_wanted is not None:
            return self._tell(Moment.FAILED, self._end_wanted)
        self.state = State.DIALLING
        return [Start(Timer.RING), *self._dial_next()]

    def _not_recorded(self, _: on.NotRecorded) -> Actions:
        if not self._caller_up:
            return self._close(End.CALLER, Reason.CANCELLED)
        return [RefuseCaller(Reason.NOT_READY), *self._close(End.FAILED, Reason.NOT_READY)]

    def _gave_up_while_recording(self, event: on.LegEnded) -> Actions:
        # The record is under way: wait for it, so that it can be closed and its signal taken back.
        self._caller_up = self._caller_up and event.side is not Side.CALLER
        return []

    def _end_asked_while_recording(self, event: on.EndAsked) -> Actions:
        self._end_wanted = event.reason
        return []

    # -- dialling ----------------------------------------------------------------------------------------

    def _dial_next(self) -> Actions:
        if self._attempt == self._targets:
            return self._no_agent()
        self._attempt += 1
        self._agent_up = True
        return [Dial(self._attempt - 1, self._attempt), Start(Timer.RESPONSE)]

    def _no_agent(self) -> Actions:
        return [Stop(Timer.RING), Stop(Timer.RESPONSE), *self._tell(Moment.FAILED, Reason.NO_AGENT)]

    def _progress(self, event: on.AgentProgress) -> Actions:
        actions: Actions = [Stop(Timer.RESPONSE), Relay(event.status, event.media)]
        return [*actions, Play(Audio.BRIDGED)] if event.media else actions

    def _agent_answered(self, _: on.AgentAnswered) -> Actions:
        self.state = State.BRIDGED
        self.answered = True
        return [
            Stop(Timer.RING),
            Stop(Timer.RESPONSE),
            AnswerCaller(),
            Play(Audio.BRIDGED),
            Start(Timer.DURATION),
        ]

    def _ended_while_dialling(self, event: on.LegEnded) -> Actions:
        if event.side is Side.CALLER:
            return [*self._leave_agent(), CancelSignals(), *self._close(End.CALLER, Reason.CANCELLED)]
        if event.attempt != self._attempt:
            return []  # the end of a target that was given up before
        self._agent_up = False
        return self._dial_next()

    def _timer_while_dialling(self, event: on.TimerFired) -> Actions:
        if event.timer is Timer.RESPONSE:
            return [*self._leave_agent(), *self._dial_next()]
        if event.timer is Timer.RING:
            return [*self._leave_agent(), *self._no_agent()]
        return []

    def _end_asked_while_dialling(self, event: on.EndAsked) -> Actions:
        stop: Actions = [Stop(Timer.RING), Stop(Timer.RESPONSE)]
        return [*stop, *self._leave_agent(), *self._tell(Moment.FAILED, event.reason)]

    # -- bridged -----------------------------------------------------------------------------------------

    def _handoff_asked(self, event: on.HandoffAsked) -> Actions:
        self.state = State.TELLING
        self.terminal = Moment.HANDOFF
        self._reason = Reason.HANDOFF
        self._telling = True
        return [Start(Timer.DEADLINE), Tell(Moment.HANDOFF, Reason.HANDOFF, event.handoff)]

    def _ended_while_bridged(self, event: on.LegEnded) -> Actions:
        if event.side is Side.CALLER:
            return self._caller_hung_up(event.status)
        if event.attempt != self._attempt:
            return []
        self._agent_up = False
        return [Play(Audio.COMFORT), *self._tell(Moment.COMPLETED, Reason.COMPLETED)]

    def _caller_hung_up(self, status: int) -> Actions:
        # A CANCEL that crossed our 200 (RFC 3261 section 9.2) ends the leg with 487.
        reason = Reason.CANCELLED if status == Reason.CANCELLED.code else Reason.CALLER_HUNG_UP
        self._caller_up = False
        return [*self._leave_agent(), CancelSignals(), *self._close(End.CALLER, reason)]

    def _media_lost(self, _: on.MediaLost) -> Actions:
        return self._tell(Moment.FAILED, Reason.MEDIA_LOST)

    def _timer_while_bridged(self, event: on.TimerFired) -> Actions:
        return self._tell(Moment.FAILED, Reason.TOO_LONG) if event.timer is Timer.DURATION else []

    def _end_asked(self, event: on.EndAsked) -> Actions:
        return self._tell(Moment.FAILED, event.reason)

    def _dtmf(self, event: on.DtmfReceived) -> Actions:
        return [SendDtmf(event.side.other, event.digit)]

    # -- telling: the order is durable → begun → accepted or deadline → the caller goes back ----------------

    def _tell(self, moment: Moment, reason: Reason) -> Actions:
        self.state = State.TELLING
        self.terminal = moment
        self._reason = reason
        self._telling = True
        return [Start(Timer.DEADLINE), Tell(moment, reason)]

    def _told(self, event: on.Told) -> Actions:
        self._telling = False
        if not self._caller_up:
            return [CancelSignals(), *self._close(self._end, self._reason)]
        return [] if event.sent else self._give_back()

    def _not_told(self, _: on.NotTold) -> Actions:
        self._telling = False
        if not self._caller_up:
            return [CancelSignals(), *self._close(End.CALLER, Reason.CALLER_HUNG_UP)]
        if self.terminal is Moment.HANDOFF and self._agent_up:
            # The voice agent reads of the failure in its answer and still has the caller: it may ask again.
            self.state = State.BRIDGED
            self.terminal = None
            return [Stop(Timer.DEADLINE), Start(Timer.DURATION)]
        return self._give_back()

    def _settled(self, event: on.SignalSettled) -> Actions:
        return self._give_back() if event.moment is self.terminal else []

    def _timer_while_telling(self, event: on.TimerFired) -> Actions:
        return self._give_back() if event.timer is Timer.DEADLINE else []

    def _ended_while_telling(self, event: on.LegEnded) -> Actions:
        if event.side is Side.CALLER:
            self._caller_up = False
            if self._telling:
                # The signal is becoming durable: wait for it, so that it can be taken back.
                return [Stop(Timer.DEADLINE), *self._leave_agent()]
            return [*self._leave_agent(), CancelSignals(), *self._close(self._end, self._reason)]
        if event.attempt != self._attempt or not self._agent_up:
            return []
        self._agent_up = False
        return [Play(Audio.COMFORT)] if self.answered and self._caller_up else []

    def _give_back(self) -> Actions:
        if not self.answered:
            return [*self._leave_agent(), RefuseCaller(self._refusal), *self._close(self._end, self._reason)]
        if self.terminal is Moment.COMPLETED:
            return [HangUp(Side.CALLER), *self._close(self._end, self._reason)]
        self.state = State.RETURNING
        return [
            Stop(Timer.DEADLINE),
            Play(Audio.COMFORT),
            *self._leave_agent(),
            Start(Timer.WAIT_FOR_BYE),
        ]

    # -- returning -----------------------------------------------------------------------------------------

    def _ended_while_returning(self, event: on.LegEnded) -> Actions:
        return self._close(self._end, self._reason) if event.side is Side.CALLER else []

    def _timer_while_returning(self, event: on.TimerFired) -> Actions:
        if event.timer is not Timer.WAIT_FOR_BYE:
            return []
        return [HangUp(Side.CALLER), *self._close(self._end, self._reason)]

    # -- common --------------------------------------------------------------------------------------------

    @property
    def _end(self) -> End:
        return End(self.terminal.value) if self.terminal else End.CALLER

    @property
    def _refusal(self) -> Reason:
        return self._reason if self._reason.code >= 400 else Reason.NO_AGENT  # noqa: PLR2004 - RFC 3261 21

    def _leave_agent(self) -> Actions:
        if not self._agent_up:
            return []
        self._agent_up = False
        return [HangUp(Side.AGENT)]

    def _close(self, end: End, reason: Reason) -> Actions:
        self.state = State.ENDED
        return [*(Stop(timer) for timer in Timer), Close(end, reason)]

    _TABLE: ClassVar[dict[tuple[State, type], Callable[..., Actions]]] = {
        (State.RECORDING, on.Recorded): _recorded,
        (State.RECORDING, on.NotRecorded): _not_recorded,
        (State.RECORDING, on.LegEnded): _gave_up_while_recording,
        (State.RECORDING, on.EndAsked): _end_asked_while_recording,
        (State.DIALLING, on.AgentProgress): _progress,
        (State.DIALLING, on.AgentAnswered): _agent_answered,
        (State.DIALLING, on.LegEnded): _ended_while_dialling,
        (State.DIALLING, on.TimerFired): _timer_while_dialling,
        (State.DIALLING, on.EndAsked): _end_asked_while_dialling,
        (State.BRIDGED, on.HandoffAsked): _handoff_asked,
        (State.BRIDGED, on.LegEnded): _ended_while_bridged,
        (State.BRIDGED, on.TimerFired): _timer_while_bridged,
        (State.BRIDGED, on.MediaLost): _media_lost,
        (State.BRIDGED, on.DtmfReceived): _dtmf,
        (State.BRIDGED, on.EndAsked): _end_asked,
        (State.TELLING, on.Told): _told,
        (State.TELLING, on.NotTold): _not_told,
        (State.TELLING, on.SignalSettled): _settled,
        (State.TELLING, on.TimerFired): _timer_while_telling,
        (State.TELLING, on.LegEnded): _ended_while_telling,
        (State.RETURNING, on.LegEnded): _ended_while_returning,
        (State.RETURNING, on.TimerFired): _timer_while_returning,
    }
