# SPDX-License-Identifier: GPL-3.0-or-later
"""While caller and voice agent talk.

That is until a terminal moment, while the voice agent finishes its words, and when it keeps a caller whose
handoff could not be signalled.
"""

from __future__ import annotations

from typing import Final

from agent.core import events as on
from agent.core.actions import (
    AnswerCaller,
    Audio,
    Begin,
    CancelSignals,
    HangUp,
    Play,
    SendDtmf,
    Start,
    Stop,
    Timer,
)
from agent.core.call.call import Call
from agent.core.call.going_back import by_method, end_both, over, release
from agent.core.call.states import State
from agent.core.call.table import Actions, Table, during
from agent.core.call.telling import leave_while_storing, lose_caller, take_back, tell
from agent.core.moments import Moment
from agent.core.reasons import End, Reason
from agent.core.sides import Side

# -- bridged -----------------------------------------------------------------------------------------------


def _handoff_asked(call: Call, event: on.HandoffAsked) -> Actions:
    call.back = call.plan.back + bool(event.handoff.target)
    return tell(call, State.STORING, Moment.HANDOFF, Reason.HANDOFF, event.handoff)


def _ended_while_bridged(call: Call, event: on.LegEnded) -> Actions:
    if event.side is Side.CALLER:
        return lose_caller(call, event.lost) if event.lost else _caller_hung_up(call, event.status)
    if event.attempt != call.attempt:
        return []
    moment, reason = (Moment.FAILED, event.lost) if event.lost else (Moment.COMPLETED, Reason.COMPLETED)
    return [Play(Audio.COMFORT), *tell(call, State.STORING_ALONE, moment, reason)]


def _caller_hung_up(call: Call, status: int) -> Actions:
    # A CANCEL that crossed our 200 (RFC 3261 section 9.2) ends the leg with 487.
    reason = Reason.CANCELLED if status == Reason.CANCELLED.code else Reason.CALLER_HUNG_UP
    return [*call.leave_agent(), CancelSignals(), *call.close(End.CALLER, reason)]


def _media_lost(call: Call, _: on.MediaLost) -> Actions:
    return tell(call, State.STORING, Moment.FAILED, Reason.MEDIA_LOST)


def _timer_while_bridged(call: Call, event: on.TimerFired) -> Actions:
    if event.timer is not Timer.DURATION:
        return []
    return tell(call, State.STORING, Moment.FAILED, Reason.TOO_LONG)


def _end_asked(call: Call, event: on.EndAsked) -> Actions:
    return tell(call, State.STORING, Moment.FAILED, event.reason)


def _action_failed(call: Call, event: on.ActionFailed) -> Actions:
    # Nobody may be left in silence until the longest duration: the script is told, as when media is lost.
    match event.action:
        case AnswerCaller():
            return [
                *call.leave_agent(),
                *tell(call, State.STORING_UNANSWERED, Moment.FAILED, Reason.INTERNAL),
            ]
        case Play():
            return tell(call, State.STORING, Moment.FAILED, Reason.INTERNAL)
    return []


def _dtmf(_: Call, event: on.DtmfReceived) -> Actions:
    if event.across:
        return []
    return [
        SendDtmf(Side.AGENT if event.side is Side.CALLER else Side.CALLER, event.digit, event.milliseconds)
    ]


# -- finishing: the handoff is durable, and the voice agent is not through yet -----------------------------


def _finished(call: Call, _: on.PromptFinished | on.MediaLost) -> Actions:
    return _speak_no_more(call, State.TELLING)


def _end_asked_while_finishing(call: Call, _: on.EndAsked) -> Actions:
    begun: Actions = [Begin()] if call.state is State.FINISHING else []
    return [Stop(Timer.PROMPT), *begun, *release(call)]


def _speak_no_more(call: Call, state: State) -> Actions:
    stop: Actions = [Stop(Timer.PROMPT)]
    if call.state is State.FINISHING_UNSIGNALLED:
        return [*stop, *by_method(call)]
    call.state = state
    return [*stop, Begin(), Start(Timer.DEADLINE)]


def _timer_while_finishing(call: Call, event: on.TimerFired) -> Actions:
    return _speak_no_more(call, State.TELLING) if event.timer in (Timer.PROMPT, Timer.DURATION) else []


def _ended_while_finishing(call: Call, event: on.LegEnded) -> Actions:
    if event.side is Side.CALLER:
        # A signal that was begun can be taken back; one that never was would wait for the next process.
        begun: Actions = [Begin()] if call.state is State.FINISHING else []
        return [*call.leave_agent(), *begun, *take_back(event), *call.close(call.end, call.reason)]
    if event.attempt != call.attempt:
        return []
    comfort: Actions = [Play(Audio.COMFORT)]
    if call.state is State.FINISHING_UNSIGNALLED:
        call.state = State.STORING_ALONE  # all is stored, and there is nothing to tell
        return [*comfort, Stop(Timer.PROMPT), *by_method(call)]
    return [*comfort, *_speak_no_more(call, State.TELLING_ALONE)]


# -- kept --------------------------------------------------------------------------------------------------


def _accepted_after_all(call: Call, event: on.SignalSettled) -> Actions:
    return by_method(call) if event.accepted and event.moment is call.terminal else []


def _told_after_all(call: Call, event: on.Told) -> Actions:
    # The record took longer than the deadline. The script must not be told of what will not happen.
    call.state = State.KEPT
    return [CancelSignals(call.terminal)] if event.sent else []


def _not_told_after_all(call: Call, _: on.NotTold) -> Actions:
    call.state = State.BRIDGED
    call.terminal = None
    call.back = call.plan.back
    return []


def _ended_while_kept(call: Call, event: on.LegEnded) -> Actions:
    if event.side is Side.CALLER and call.state is State.STORING_KEPT:
        return leave_while_storing(call)
    if event.side is Side.CALLER:
        return [*call.leave_agent(), CancelSignals(), *call.close(call.end, Reason.SIGNAL_FAILED)]
    if event.attempt != call.attempt:
        return []
    return [HangUp(Side.CALLER), *over(call, Reason.SIGNAL_FAILED)]


def _media_lost_while_kept(call: Call, _: on.MediaLost) -> Actions:
    return end_both(call, Reason.MEDIA_LOST)


def _timer_while_kept(call: Call, event: on.TimerFired) -> Actions:
    return end_both(call, Reason.TOO_LONG) if event.timer is Timer.DURATION else []


def _end_asked_while_kept(call: Call, event: on.EndAsked) -> Actions:
    return end_both(call, event.reason)


TABLE: Final[Table] = {
    (State.BRIDGED, on.HandoffAsked): _handoff_asked,
    (State.BRIDGED, on.LegEnded): _ended_while_bridged,
    (State.BRIDGED, on.TimerFired): _timer_while_bridged,
    (State.BRIDGED, on.MediaLost): _media_lost,
    (State.BRIDGED, on.DtmfReceived): _dtmf,
    (State.BRIDGED, on.EndAsked): _end_asked,
    (State.BRIDGED, on.ActionFailed): _action_failed,
    **during(
        (State.FINISHING, State.FINISHING_UNSIGNALLED),
        {
            on.PromptFinished: _finished,
            on.MediaLost: _finished,
            on.EndAsked: _end_asked_while_finishing,
            on.TimerFired: _timer_while_finishing,
            on.LegEnded: _ended_while_finishing,
            on.DtmfReceived: _dtmf,
        },
    ),
    (State.KEPT, on.SignalSettled): _accepted_after_all,
    (State.STORING_KEPT, on.Told): _told_after_all,
    (State.STORING_KEPT, on.NotTold): _not_told_after_all,
    **during(
        (State.KEPT, State.STORING_KEPT),
        {
            on.LegEnded: _ended_while_kept,
            on.MediaLost: _media_lost_while_kept,
            on.TimerFired: _timer_while_kept,
            on.EndAsked: _end_asked_while_kept,
            on.DtmfReceived: _dtmf,
        },
    ),
}
