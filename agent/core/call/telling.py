# SPDX-License-Identifier: GPL-3.0-or-later
"""From a terminal moment until media may go back: durable → begun → accepted, failed, or the deadline."""

from __future__ import annotations

from typing import Final

from agent.core import events as on
from agent.core.actions import Audio, AwaitSilence, CancelSignals, Play, Report, Start, Stop, Tell, Timer
from agent.core.call.call import STOP_ALL, Call
from agent.core.call.going_back import after_failure, by_method, release
from agent.core.call.states import State
from agent.core.call.table import Actions, Table, during
from agent.core.moments import Moment
from agent.core.reasons import End, Reason
from agent.core.records import Handoff
from agent.core.sides import Side


def tell(call: Call, state: State, moment: Moment, reason: Reason, handoff: Handoff | None = None) -> Actions:
    """Enter `state` and ask for the terminal moment to be stored."""
    call.state = state
    call.terminal = moment
    call.reason = reason
    return [Start(Timer.DEADLINE), Tell(moment, reason, handoff)]


# -- storing -----------------------------------------------------------------------------------------------


def _told(call: Call, event: on.Told) -> Actions:
    if call.holds_signal:
        call.state = State.FINISHING if event.sent else State.FINISHING_UNSIGNALLED
        return [Stop(Timer.DEADLINE), Start(Timer.PROMPT), AwaitSilence()]
    if event.sent:
        call.state = _TELLING[call.state]
        return []
    return by_method(call)


def _told_for_nobody(call: Call, _: on.Told) -> Actions:
    return [CancelSignals(), *call.close(call.end, call.reason)]


def _not_told(call: Call, _: on.NotTold) -> Actions:
    if call.may_ask_again:
        # The voice agent reads of the failure in its answer and still has the caller: it may ask again.
        call.state = State.BRIDGED
        call.terminal = None
        call.back = call.plan.back
        return [Stop(Timer.DEADLINE), Report(taken=False), Start(Timer.DURATION)]
    call.state = _TELLING[call.state]
    return after_failure(call)


def _told_of_the_lost(call: Call, _: on.Told | on.NotTold) -> Actions:
    return call.close(call.end, call.reason)


def _not_told_for_anybody(call: Call, _: on.NotTold) -> Actions:
    return [CancelSignals(), *call.close(End.CALLER, Reason.CALLER_HUNG_UP)]


def _ended_while_storing(call: Call, event: on.LegEnded) -> Actions:
    if event.side is Side.CALLER:
        return _lost_while_storing(call) if event.lost else leave_while_storing(call)
    return _agent_gone(call, event, State.STORING_ALONE)


def _lost_while_storing(call: Call) -> Actions:
    left = leave_while_storing(call)
    call.state = State.STORING_LOST
    return left


def lose_caller(call: Call, reason: Reason) -> Actions:
    """The caller's leg is gone, and nobody hung up: the script may still wait, and is told."""
    left = call.leave_agent()
    call.state, call.terminal, call.reason = State.STORING_LOST, Moment.FAILED, reason
    return [*left, STOP_ALL, Tell(Moment.FAILED, reason)]


def take_back(event: on.LegEnded) -> Actions:
    """What waits to be signalled must not reach the script of a caller who hung up."""
    return [] if event.lost else [CancelSignals()]


def leave_while_storing(call: Call) -> Actions:
    """The caller is gone. The signal is becoming durable: wait for it, so that it can be taken back."""
    left = call.leave_agent()
    call.state = State.STORING_LEFT
    return [Stop(Timer.DEADLINE), Stop(Timer.DURATION), *left]


# -- telling -----------------------------------------------------------------------------------------------


def _settled(call: Call, event: on.SignalSettled) -> Actions:
    if event.moment is not call.terminal:
        return []
    return by_method(call) if event.accepted else after_failure(call)


def _deadline(call: Call, event: on.TimerFired) -> Actions:
    return after_failure(call) if event.timer is Timer.DEADLINE else []


def _ended_while_telling(call: Call, event: on.LegEnded) -> Actions:
    if event.side is Side.CALLER:
        return [*call.leave_agent(), *take_back(event), *call.close(call.end, call.reason)]
    return _agent_gone(call, event, State.TELLING_ALONE)


def _end_asked(call: Call, _: on.EndAsked) -> Actions:
    # Nothing is waited for: whatever the project planned, the caller must not come to talk to anybody anew.
    return release(call)


def _agent_gone(call: Call, event: on.LegEnded, state: State) -> Actions:
    if event.attempt != call.attempt or not call.leave_agent():
        return []
    call.state = state
    return [Play(Audio.COMFORT)]


_TELLING: Final = {
    State.STORING: State.TELLING,
    State.STORING_ALONE: State.TELLING_ALONE,
    State.STORING_UNANSWERED: State.TELLING_UNANSWERED,
}
_ANSWERED: Final = (State.STORING, State.STORING_ALONE, State.TELLING, State.TELLING_ALONE)
TABLE: Final[Table] = {
    **during(
        _TELLING,
        {
            on.Told: _told,
            on.NotTold: _not_told,
            on.TimerFired: _deadline,
            on.LegEnded: _ended_while_storing,
        },
    ),
    (State.STORING_LEFT, on.Told): _told_for_nobody,
    (State.STORING_LEFT, on.NotTold): _not_told_for_anybody,
    (State.STORING_LOST, on.Told): _told_of_the_lost,
    (State.STORING_LOST, on.NotTold): _told_of_the_lost,
    **during(
        _TELLING.values(),
        {
            on.SignalSettled: _settled,
            on.TimerFired: _deadline,
            on.LegEnded: _ended_while_telling,
        },
    ),
    **during(_ANSWERED, {on.EndAsked: _end_asked}),
}
