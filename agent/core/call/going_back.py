# SPDX-License-Identifier: GPL-3.0-or-later
"""The caller goes back: by release, by REFER, or bridged to a target; and what follows when that fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from agent.core import events as on
from agent.core.actions import (
    Audio,
    CancelSignals,
    HangUp,
    Play,
    Refer,
    RefuseCaller,
    Report,
    Returned,
    SendDtmf,
    Start,
    Stop,
    Timer,
)
from agent.core.call.call import STOP_ALL, Call
from agent.core.call.dialling import STOP_DIALLING, Hunt, located
from agent.core.call.states import UNANSWERED, State
from agent.core.call.table import Actions, Table, during
from agent.core.methods import Method, OnFailure
from agent.core.moments import Moment
from agent.core.reasons import Reason
from agent.core.sides import Side

_OK = range(200, 300)
_FIRST_ERROR = 400
_REQUEST_PENDING = 491
_SERVER_ERRORS = range(500, 600)
_SOON_SECONDS = 1.0

# -- which way ---------------------------------------------------------------------------------------------


def by_method(call: Call) -> Actions:
    """The script is told, or need not be: the caller goes back as the project wants it."""
    return _BY_METHOD[call.plan.method](call) if call.terminal is Moment.HANDOFF else release(call)


def after_failure(call: Call) -> Actions:
    """The script could not be told, or not in time, or nobody knows whether it was."""
    policy = call.plan.on_failure
    if policy is OnFailure.KEEP and call.terminal is Moment.HANDOFF and call.leave_agent():
        return _keep(call, call.terminal)
    if policy is OnFailure.REFER and call.terminal is not Moment.COMPLETED and call.state not in UNANSWERED:
        # The caller does not go where the script would send it: what still waits must not reach it, nor what
        # is still becoming durable.
        storing = call.state in (State.STORING, State.STORING_ALONE)
        referring = State.STORING_REFERRING if storing else State.REFERRING
        return [CancelSignals(call.terminal), *_refer(call, referring)]
    return by_method(call)


def _keep(call: Call, moment: Moment) -> Actions:
    call.state = State.STORING_KEPT if call.state is State.STORING else State.KEPT
    return [Stop(Timer.DEADLINE), CancelSignals(moment), Report(taken=False), Start(Timer.DURATION)]


def end_both(call: Call, reason: Reason) -> Actions:
    """End the call with both its legs: the voice agent's, or the target's."""
    across = (
        [HangUp(Side.TARGET)]
        if call.state in (State.DIALLING_BACK, State.TRANSFERRED)
        else call.leave_agent()
    )
    return [*across, HangUp(Side.CALLER), *over(call, reason)]


def over(call: Call, reason: Reason) -> Actions:
    """Nobody is left: close the call; where an unwanted signal is still being stored, wait, to cancel it."""
    if call.state not in _UNWANTED:
        return call.close(call.end, reason)
    call.state = State.STORING_OVER
    call.reason = reason
    return [STOP_ALL]


def _leave(call: Call) -> Actions:
    """Release the voice agent; the caller hears comfort audio from here on."""
    told: Actions = [Report(taken=True)] if call.terminal is Moment.HANDOFF else []
    return [Stop(Timer.DEADLINE), Play(Audio.COMFORT), *told, *call.leave_agent()]


# -- release -----------------------------------------------------------------------------------------------


def release(call: Call) -> Actions:
    """Release: wait for the contact centre's BYE, then send ours."""
    if call.state in UNANSWERED:
        reason = call.reason if call.reason.code >= _FIRST_ERROR else Reason.NO_AGENT
        return [RefuseCaller(reason), *call.close(call.end, call.reason)]
    if call.terminal is Moment.COMPLETED:
        return [HangUp(Side.CALLER), *call.close(call.end, call.reason)]
    return [*_leave(call), *_wait_for_bye(call, Method.RELEASE)]


def _wait_for_bye(call: Call, method: Method) -> Actions:
    storing = call.state is State.STORING_REFERRING
    call.state = State.STORING_RETURNING if storing else State.RETURNING
    return [Returned(method), Start(Timer.WAIT_FOR_BYE)]


def _caller_gone(call: Call, event: on.LegEnded) -> Actions:
    return over(call, call.reason) if event.side is Side.CALLER else []


def _timer_while_returning(call: Call, event: on.TimerFired) -> Actions:
    return end_both(call, call.reason) if event.timer is Timer.WAIT_FOR_BYE else []


def _end_asked(call: Call, event: on.EndAsked) -> Actions:
    return end_both(call, event.reason)


# -- refer (RFC 3515) --------------------------------------------------------------------------------------


def _refer(call: Call, state: State) -> Actions:
    leave = _leave(call)
    call.state = state
    return [*leave, *_refer_next(call)]


def _refer_next(call: Call) -> Actions:
    call.put_off = False
    if call.back_attempt == call.back:
        return [Stop(Timer.TRANSFER), *_wait_for_bye(call, Method.RELEASE)]
    call.back_attempt += 1
    return [Refer(call.back_attempt - 1), Start(Timer.TRANSFER)]


def _transfer_progress(call: Call, event: on.TransferProgress) -> Actions:
    if not event.final:
        return []
    if event.status in _OK:
        # The caller is where we sent it; this dialog has no use any more (RFC 5589 section 6.1).
        return [Stop(Timer.TRANSFER), Returned(Method.REFER), HangUp(Side.CALLER), *over(call, call.reason)]
    if _not_now(event):
        call.put_off = True
        return [Start(Timer.REPEAT, max(_SOON_SECONDS, event.retry_after or 0.0))]
    return _refer_next(call)


def _not_now(event: on.TransferProgress) -> bool:
    """Whether the answer to our REFER means that the same one may be taken later (RFC 3261 section 21)."""
    busy = event.status in _SERVER_ERRORS and event.retry_after is not None
    return busy or event.status == _REQUEST_PENDING


def _timer_while_referring(call: Call, event: on.TimerFired) -> Actions:
    if event.timer is Timer.REPEAT:
        call.put_off = False
        return [Refer(call.back_attempt - 1)]
    if event.timer is not Timer.TRANSFER:
        return []
    if call.put_off:
        return [Stop(Timer.REPEAT), *_refer_next(call)]
    # An accepted REFER of which nothing more is heard may yet come true: no second one is sent.
    return _wait_for_bye(call, Method.RELEASE)


# -- the record of a signal that is not wanted any more ----------------------------------------------------


def _told_after_all(call: Call, event: on.Told) -> Actions:
    unwanted: Actions = [CancelSignals(call.terminal)] if event.sent else []
    return [*unwanted, *_record_known(call)]


def _not_told_after_all(call: Call, _: on.NotTold) -> Actions:
    return _record_known(call)


def _record_known(call: Call) -> Actions:
    if call.state is State.STORING_OVER:
        return call.close(call.end, call.reason)
    call.state = State.REFERRING if call.state is State.STORING_REFERRING else State.RETURNING
    return []


# -- bridge ------------------------------------------------------------------------------------------------


def _nobody_there(call: Call) -> Actions:
    return [*STOP_DIALLING, *_wait_for_bye(call, Method.RELEASE)]


_HUNT: Final = Hunt(Side.TARGET, lambda call: call.back, _nobody_there)


def _bridge(call: Call) -> Actions:
    leave = _leave(call)
    call.state = State.DIALLING_BACK
    call.tried = 0
    return [*leave, Start(Timer.RING), *_HUNT.next(call)]


def _target_answered(call: Call, event: on.TargetAnswered) -> Actions:
    if not event.audio:
        return _HUNT.useless(call)
    call.state = State.TRANSFERRED
    return [
        *STOP_DIALLING,
        Play(Audio.TRANSFERRED),
        Returned(Method.BRIDGE),
        Start(Timer.DURATION),
    ]


def _ended_while_dialling_back(call: Call, event: on.LegEnded) -> Actions:
    if event.side is Side.CALLER:
        return [HangUp(Side.TARGET), *call.close(call.end, call.reason)]
    return _HUNT.ended(call, event)  # or the voice agent's


def _ended_while_transferred(call: Call, event: on.LegEnded) -> Actions:
    if event.side is Side.CALLER:
        return [HangUp(Side.TARGET), *call.close(call.end, call.reason)]
    if event.side is not Side.TARGET or event.attempt != call.back_attempt:
        return []
    return [HangUp(Side.CALLER), *call.close(call.end, call.reason)]


def _timer_while_transferred(call: Call, event: on.TimerFired) -> Actions:
    return end_both(call, Reason.TOO_LONG) if event.timer is Timer.DURATION else []


def _media_lost(call: Call, _: on.MediaLost) -> Actions:
    return end_both(call, Reason.MEDIA_LOST)


def _action_failed(call: Call, event: on.ActionFailed) -> Actions:
    # The caller and the target do not hear each other, and nothing else would end that soon.
    return end_both(call, Reason.INTERNAL) if isinstance(event.action, Play) else []


def _dtmf(_: Call, event: on.DtmfReceived) -> Actions:
    if event.side is Side.AGENT or event.across:
        return []  # a late one of the voice agent, which is gone; or one that needs no help
    return [
        SendDtmf(Side.TARGET if event.side is Side.CALLER else Side.CALLER, event.digit, event.milliseconds)
    ]


_UNWANTED: Final = (State.STORING_KEPT, State.STORING_REFERRING, State.STORING_RETURNING)
_BY_METHOD: Final[Mapping[Method, Callable[[Call], Actions]]] = {
    Method.RELEASE: release,
    Method.REFER: lambda call: _refer(call, State.REFERRING),
    Method.BRIDGE: _bridge,
}
TABLE: Final[Table] = {
    **during(
        (State.RETURNING, State.STORING_RETURNING),
        {on.LegEnded: _caller_gone, on.TimerFired: _timer_while_returning, on.EndAsked: _end_asked},
    ),
    **during(
        (State.REFERRING, State.STORING_REFERRING),
        {
            on.TransferProgress: _transfer_progress,
            on.LegEnded: _caller_gone,
            on.TimerFired: _timer_while_referring,
            on.EndAsked: _end_asked,
        },
    ),
    **during(
        (State.STORING_REFERRING, State.STORING_RETURNING, State.STORING_OVER),
        {on.Told: _told_after_all, on.NotTold: _not_told_after_all},
    ),
    (State.DIALLING_BACK, on.Located): located,
    (State.DIALLING_BACK, on.TargetProgress): _HUNT.progress,
    (State.DIALLING_BACK, on.TargetAnswered): _target_answered,
    (State.DIALLING_BACK, on.LegEnded): _ended_while_dialling_back,
    (State.DIALLING_BACK, on.TimerFired): _HUNT.timer,
    (State.DIALLING_BACK, on.EndAsked): _end_asked,
    (State.TRANSFERRED, on.LegEnded): _ended_while_transferred,
    (State.TRANSFERRED, on.TimerFired): _timer_while_transferred,
    (State.TRANSFERRED, on.MediaLost): _media_lost,
    (State.TRANSFERRED, on.DtmfReceived): _dtmf,
    (State.TRANSFERRED, on.EndAsked): _end_asked,
    (State.TRANSFERRED, on.ActionFailed): _action_failed,
}
