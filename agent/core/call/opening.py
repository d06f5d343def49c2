# SPDX-License-Identifier: GPL-3.0-or-later
"""From the INVITE to the voice agent's answer: the record, then one target after the other."""

from __future__ import annotations

from typing import Final

from agent.core import events as on
from agent.core.actions import (
    AnswerCaller,
    Audio,
    CancelSignals,
    Play,
    RefuseCaller,
    Relay,
    Start,
    Stop,
    Timer,
)
from agent.core.call.call import Call
from agent.core.call.dialling import STOP_DIALLING, TRYING, Hunt, located
from agent.core.call.states import State
from agent.core.call.table import Actions, Table
from agent.core.call.telling import lose_caller, tell
from agent.core.moments import Moment
from agent.core.reasons import End, Reason
from agent.core.sides import Side

# -- recording ---------------------------------------------------------------------------------------------


def _recorded(call: Call, _: on.Recorded) -> Actions:
    call.state = State.DIALLING
    return [Stop(Timer.RECORD), Start(Timer.RING), *_HUNT.next(call)]


def _recorded_for_nobody(call: Call, _: on.Recorded) -> Actions:
    if call.terminal is not None:
        return lose_caller(call, call.reason)
    return [CancelSignals(), *call.close(End.CALLER, Reason.CANCELLED)]


def _recorded_to_end(call: Call, _: on.Recorded) -> Actions:
    return [Stop(Timer.RECORD), *tell(call, State.STORING_UNANSWERED, Moment.FAILED, call.reason)]


def _timer_while_recording(call: Call, event: on.TimerFired) -> Actions:
    # A disk that hangs: the caller must not wait for it. The record is waited for, so that it can be closed.
    if event.timer is not Timer.RECORD:
        return []
    call.state = State.RECORDING_REFUSED
    return [RefuseCaller(Reason.NOT_READY)]


def _recorded_too_late(call: Call, _: on.Recorded) -> Actions:
    return [CancelSignals(), *call.close(End.FAILED, Reason.NOT_READY)]


def _not_recorded_anyway(call: Call, _: on.NotRecorded) -> Actions:
    return call.close(End.FAILED, Reason.NOT_READY)


def _not_recorded(call: Call, _: on.NotRecorded) -> Actions:
    return [RefuseCaller(Reason.NOT_READY), *call.close(End.FAILED, Reason.NOT_READY)]


def _not_recorded_for_anybody(call: Call, _: on.NotRecorded) -> Actions:
    if call.terminal is not None:
        return call.close(call.end, call.reason)
    return call.close(End.CALLER, Reason.CANCELLED)


def _gave_up_while_recording(call: Call, event: on.LegEnded) -> Actions:
    # The record is under way: wait for it, so that it can be closed and its signal taken back.
    if event.side is not Side.CALLER:
        return []
    call.state = State.RECORDING_LEFT
    if event.lost is not None:
        call.terminal, call.reason = Moment.FAILED, event.lost
    return [Stop(Timer.RECORD)]


def _end_asked_while_recording(call: Call, event: on.EndAsked) -> Actions:
    call.state = State.RECORDING_ENDING
    call.reason = event.reason
    return []


# -- dialling ----------------------------------------------------------------------------------------------


def _no_agent(call: Call) -> Actions:
    return _fail(call, Reason.NO_AGENT)


def _fail(call: Call, reason: Reason) -> Actions:
    return [*STOP_DIALLING, *tell(call, State.STORING_UNANSWERED, Moment.FAILED, reason)]


_HUNT: Final = Hunt(Side.AGENT, lambda call: call.plan.targets, _no_agent)


def _progress(call: Call, event: on.AgentProgress) -> Actions:
    actions = _HUNT.progress(call, event)
    if event.status != TRYING:
        actions.append(Relay(event.status, event.media))
        if event.media:
            actions.append(Play(Audio.BRIDGED))
    return actions


def _agent_answered(call: Call, event: on.AgentAnswered) -> Actions:
    if not event.audio:
        return _HUNT.useless(call)
    call.state = State.BRIDGED
    return [
        *STOP_DIALLING,
        AnswerCaller(),
        Play(Audio.BRIDGED),
        Start(Timer.DURATION),
    ]


def _ended_while_dialling(call: Call, event: on.LegEnded) -> Actions:
    if event.side is Side.CALLER and event.lost is not None:
        return lose_caller(call, event.lost)
    if event.side is Side.CALLER:
        return [*call.leave_agent(), CancelSignals(), *call.close(End.CALLER, Reason.CANCELLED)]
    return _HUNT.ended(call, event)


def _end_asked_while_dialling(call: Call, event: on.EndAsked) -> Actions:
    return [*call.leave_agent(), *_fail(call, event.reason)]


TABLE: Final[Table] = {
    (State.RECORDING, on.Recorded): _recorded,
    (State.RECORDING, on.NotRecorded): _not_recorded,
    (State.RECORDING, on.LegEnded): _gave_up_while_recording,
    (State.RECORDING, on.EndAsked): _end_asked_while_recording,
    (State.RECORDING, on.TimerFired): _timer_while_recording,
    (State.RECORDING_LEFT, on.Recorded): _recorded_for_nobody,
    (State.RECORDING_LEFT, on.NotRecorded): _not_recorded_for_anybody,
    (State.RECORDING_ENDING, on.Recorded): _recorded_to_end,
    (State.RECORDING_ENDING, on.NotRecorded): _not_recorded,
    (State.RECORDING_ENDING, on.LegEnded): _gave_up_while_recording,
    (State.RECORDING_ENDING, on.TimerFired): _timer_while_recording,
    (State.RECORDING_REFUSED, on.Recorded): _recorded_too_late,
    (State.RECORDING_REFUSED, on.NotRecorded): _not_recorded_anyway,
    (State.DIALLING, on.Located): located,
    (State.DIALLING, on.AgentProgress): _progress,
    (State.DIALLING, on.AgentAnswered): _agent_answered,
    (State.DIALLING, on.LegEnded): _ended_while_dialling,
    (State.DIALLING, on.TimerFired): _HUNT.timer,
    (State.DIALLING, on.EndAsked): _end_asked_while_dialling,
}
