# SPDX-License-Identifier: GPL-3.0-or-later
"""The call's state machine, read as a specification: each way a call can go, step by step."""

from __future__ import annotations

import pytest

from agent.core import events as on
from agent.core.actions import (
    AnswerCaller,
    Audio,
    CancelSignals,
    Close,
    Dial,
    HangUp,
    Play,
    Record,
    RefuseCaller,
    Relay,
    Report,
    Returned,
    SendDtmf,
    Start,
    Stop,
    StopAll,
    Tell,
    Timer,
)
from agent.core.call import Machine, Plan, State
from agent.core.events import Event
from agent.core.methods import Method
from agent.core.moments import Moment
from agent.core.reasons import End, Reason
from agent.core.sides import Side
from tests.core.calls import (
    ACCEPTED,
    AGENT_GONE,
    BRIDGED,
    CALLER_GONE,
    CANCELLED,
    HANDED_OFF,
    HANDOFF,
    KEEP,
    LATE,
    RECORDED,
    RELEASE,
    RETURNING,
    TELLING,
    TOLD,
    acts,
    call_after,
    stands,
)

# -- the way of a call that is handed off ------------------------------------------------------------------


def test_a_call_is_durable_before_anyone_is_dialled() -> None:
    call = Machine(RELEASE)
    assert call.begin() == [Start(Timer.RECORD), Record()]
    assert call.handle(on.Recorded()) == [
        Stop(Timer.RECORD),
        Start(Timer.RING),
        Dial(Side.AGENT, 0, 1),
        Start(Timer.RESPONSE),
    ]
    assert stands(call) is State.DIALLING


def test_the_voice_agents_answer_is_ours_and_audio_is_joined() -> None:
    call = call_after(RECORDED)
    assert acts(call, on.AgentAnswered()) == [
        AnswerCaller(),
        Play(Audio.BRIDGED),
        Start(Timer.DURATION),
    ]
    assert stands(call) is State.BRIDGED


def test_a_handoff_is_told_before_the_voice_agent_is_released() -> None:
    call = call_after(BRIDGED)
    asked = acts(call, on.HandoffAsked(HANDOFF))
    assert asked == [Start(Timer.DEADLINE), Tell(Moment.HANDOFF, Reason.HANDOFF, HANDOFF)]
    assert acts(call, TOLD) == []
    assert acts(call, ACCEPTED) == [
        Play(Audio.COMFORT),
        Report(taken=True),
        HangUp(Side.AGENT),
        Returned(Method.RELEASE),
        Start(Timer.WAIT_FOR_BYE),
    ]
    assert acts(call, CALLER_GONE) == [Close(End.HANDOFF, Reason.HANDOFF)]
    assert stands(call) is State.ENDED


def test_where_cxone_sends_no_bye_we_send_ours() -> None:
    call = call_after(RETURNING)
    assert acts(call, on.TimerFired(Timer.WAIT_FOR_BYE)) == [
        HangUp(Side.CALLER),
        Close(End.HANDOFF, Reason.HANDOFF),
    ]


def test_media_goes_back_at_the_deadline_whatever_nice_says() -> None:
    call = call_after(TELLING)
    assert acts(call, LATE)[0] == Play(Audio.COMFORT)
    assert stands(call) is State.RETURNING


def test_media_goes_back_at_the_deadline_even_if_the_record_hangs() -> None:
    call = call_after(HANDED_OFF)
    call.handle(LATE)
    assert stands(call) is State.RETURNING
    assert acts(call, TOLD) == []


def test_a_project_without_a_handoff_signal_gets_the_caller_back_at_once() -> None:
    call = call_after(HANDED_OFF)
    call.handle(on.Told(sent=False))
    assert stands(call) is State.RETURNING


def test_the_arrival_signal_that_settles_late_does_not_give_the_caller_back() -> None:
    call = call_after(TELLING)
    assert call.handle(on.SignalSettled(Moment.ARRIVAL, accepted=True)) == []
    assert stands(call) is State.TELLING


def test_a_caller_does_not_wait_for_a_disk_that_hangs_and_what_comes_of_it_is_closed() -> None:
    call = call_after(())
    assert call.handle(on.TimerFired(Timer.RECORD)) == [RefuseCaller(Reason.NOT_READY)]
    assert call.handle(on.LegEnded(Side.CALLER, 503)) == []
    assert acts(call, on.Recorded()) == [CancelSignals(), Close(End.FAILED, Reason.NOT_READY)]


def test_one_that_is_never_recorded_after_that_is_over_as_well() -> None:
    call = call_after((on.TimerFired(Timer.RECORD),))
    assert acts(call, on.NotRecorded()) == [Close(End.FAILED, Reason.NOT_READY)]


def test_a_caller_who_could_not_be_answered_is_refused_once_the_script_is_told() -> None:
    call = call_after(BRIDGED)
    assert acts(call, on.ActionFailed(AnswerCaller())) == [
        HangUp(Side.AGENT),
        Start(Timer.DEADLINE),
        Tell(Moment.FAILED, Reason.INTERNAL),
    ]
    call.handle(TOLD)
    settled = on.SignalSettled(Moment.FAILED, accepted=True)
    assert acts(call, settled) == [RefuseCaller(Reason.INTERNAL), Close(End.FAILED, Reason.INTERNAL)]


def test_legs_that_do_not_hear_each_other_are_a_failed_call() -> None:
    call = call_after(BRIDGED)
    assert acts(call, on.ActionFailed(Play(Audio.BRIDGED)))[1:] == [Tell(Moment.FAILED, Reason.INTERNAL)]
    assert stands(call) is State.STORING


def test_a_verb_that_hurts_nobody_by_its_failure_changes_nothing() -> None:
    call = call_after(BRIDGED)
    assert call.handle(on.ActionFailed(SendDtmf(Side.AGENT, "5"))) == []
    assert stands(call) is State.BRIDGED


def test_a_handoff_that_can_not_be_recorded_leaves_the_call_as_it_was_and_may_be_asked_again() -> None:
    call = call_after(HANDED_OFF)
    assert call.handle(on.NotTold()) == [
        Stop(Timer.DEADLINE),
        Report(taken=False),
        Start(Timer.DURATION),
    ]
    assert stands(call) is State.BRIDGED
    assert call.terminal is None
    assert Tell(Moment.HANDOFF, Reason.HANDOFF, HANDOFF) in call.handle(on.HandoffAsked(HANDOFF))


def test_a_handoff_that_can_not_be_recorded_gives_the_caller_back_if_the_voice_agent_is_gone() -> None:
    call = call_after((*HANDED_OFF, AGENT_GONE))
    assert acts(call, on.NotTold()) == [
        Play(Audio.COMFORT),
        Report(taken=True),
        Returned(Method.RELEASE),
        Start(Timer.WAIT_FOR_BYE),
    ]


def test_a_voice_agent_that_leaves_after_its_handoff_changes_nothing_but_the_audio() -> None:
    call = call_after(HANDED_OFF)
    assert call.handle(AGENT_GONE) == [Play(Audio.COMFORT)]
    assert call.handle(TOLD) == []
    assert HangUp(Side.AGENT) not in call.handle(ACCEPTED)
    assert acts(call, CALLER_GONE) == [Close(End.HANDOFF, Reason.HANDOFF)]


@pytest.mark.parametrize("events", [(), RECORDED, HANDED_OFF, RETURNING])
def test_a_handoff_is_taken_between_the_answer_and_the_first_terminal_moment_only(
    events: tuple[Event, ...],
) -> None:
    call = call_after(events)
    assert not call.takes_handoff
    assert call.handle(on.HandoffAsked(HANDOFF)) == []
    assert call_after(BRIDGED).takes_handoff


# -- without a handoff -------------------------------------------------------------------------------------


def test_a_voice_agent_that_hangs_up_completes_the_call() -> None:
    call = call_after(BRIDGED)
    assert acts(call, AGENT_GONE) == [
        Play(Audio.COMFORT),
        Start(Timer.DEADLINE),
        Tell(Moment.COMPLETED, Reason.COMPLETED),
    ]
    call.handle(TOLD)
    assert acts(call, on.SignalSettled(Moment.COMPLETED, accepted=True)) == [
        HangUp(Side.CALLER),
        Close(End.COMPLETED, Reason.COMPLETED),
    ]


def test_lost_media_fails_the_call_and_gives_the_caller_back() -> None:
    call = call_after(BRIDGED)
    assert acts(call, on.MediaLost(Side.AGENT)) == [
        Start(Timer.DEADLINE),
        Tell(Moment.FAILED, Reason.MEDIA_LOST),
    ]
    call.handle(TOLD)
    assert acts(call, on.SignalSettled(Moment.FAILED, accepted=True)) == [
        Play(Audio.COMFORT),
        HangUp(Side.AGENT),
        Returned(Method.RELEASE),
        Start(Timer.WAIT_FOR_BYE),
    ]
    assert acts(call, CALLER_GONE) == [Close(End.FAILED, Reason.MEDIA_LOST)]


def test_a_call_that_is_too_long_fails() -> None:
    call = call_after(BRIDGED)
    assert Tell(Moment.FAILED, Reason.TOO_LONG) in call.handle(on.TimerFired(Timer.DURATION))


def test_a_caller_who_hangs_up_is_not_signalled() -> None:
    call = call_after(BRIDGED)
    assert acts(call, CALLER_GONE) == [
        HangUp(Side.AGENT),
        CancelSignals(),
        Close(End.CALLER, Reason.CALLER_HUNG_UP),
    ]


@pytest.mark.parametrize("first", ["caller", "agent"])
def test_whoever_hangs_up_first_decides(first: str) -> None:
    call = call_after(BRIDGED)
    order = (CALLER_GONE, AGENT_GONE) if first == "caller" else (AGENT_GONE, TOLD, CALLER_GONE)
    actions = [action for event in order for action in call.handle(event)]
    end = End.CALLER if first == "caller" else End.COMPLETED
    assert [action.end for action in actions if isinstance(action, Close)] == [end]


# -- no voice agent ----------------------------------------------------------------------------------------


def test_a_target_that_refuses_is_followed_by_the_next() -> None:
    call = call_after(RECORDED)
    refused = on.LegEnded(Side.AGENT, 486, attempt=1)
    assert acts(call, refused) == [Dial(Side.AGENT, 1, 2), Start(Timer.RESPONSE)]
    assert call.wants(Side.AGENT, 2)
    assert not call.wants(Side.AGENT, 1)
    assert not call.wants(Side.TARGET, 2)


def test_a_target_that_says_nothing_is_given_up() -> None:
    call = call_after(RECORDED)
    silent = on.TimerFired(Timer.RESPONSE)
    assert call.handle(silent) == [
        HangUp(Side.AGENT),
        Dial(Side.AGENT, 1, 2),
        Start(Timer.RESPONSE),
    ]


def test_the_late_end_of_a_target_that_was_given_up_is_not_the_present_ones() -> None:
    call = call_after((*RECORDED, on.TimerFired(Timer.RESPONSE)))
    late = on.LegEnded(Side.AGENT, 487, attempt=1)
    assert call.handle(late) == []
    call.handle(on.AgentAnswered())
    assert call.handle(late) == []
    assert stands(call) is State.BRIDGED


def test_when_no_target_answers_the_script_is_told_and_the_caller_gets_480() -> None:
    call = call_after(RECORDED, KEEP)
    busy = on.LegEnded(Side.AGENT, 486, attempt=1)
    assert acts(call, busy) == [Start(Timer.DEADLINE), Tell(Moment.FAILED, Reason.NO_AGENT)]
    call.handle(TOLD)
    assert acts(call, on.SignalSettled(Moment.FAILED, accepted=True)) == [
        RefuseCaller(Reason.NO_AGENT),
        Close(End.FAILED, Reason.NO_AGENT),
    ]
    assert Reason.NO_AGENT.code == 480


def test_all_targets_together_may_ring_no_longer_than_the_ring_timer() -> None:
    call = call_after((*RECORDED, on.AgentProgress(180)))
    actions = call.handle(on.TimerFired(Timer.RING))
    assert actions[0] == HangUp(Side.AGENT)
    assert Tell(Moment.FAILED, Reason.NO_AGENT) in actions


def test_a_project_without_targets_has_no_agent() -> None:
    call = call_after((), Plan(targets=0))
    assert Tell(Moment.FAILED, Reason.NO_AGENT) in call.handle(on.Recorded())


def test_an_answer_that_comes_after_the_target_was_given_up_is_not_ours() -> None:
    call = call_after((*RECORDED, on.TimerFired(Timer.RING)))
    assert call.handle(on.AgentAnswered()) == []


# -- ringing and early media -------------------------------------------------------------------------------


def test_ringing_is_relayed_and_ends_the_wait_for_a_first_response() -> None:
    call = call_after(RECORDED)
    assert call.handle(on.AgentProgress(180)) == [
        Stop(Timer.RESPONSE),
        Stop(Timer.TRYING),
        Relay(180, media=False),
    ]


def test_early_media_is_relayed_and_heard() -> None:
    call = call_after(RECORDED)
    progress = acts(call, on.AgentProgress(183, media=True))
    assert progress == [Relay(183, media=True), Play(Audio.BRIDGED)]


def test_digits_cross_between_bridged_legs_only() -> None:
    digit = on.DtmfReceived(Side.CALLER, "5")
    assert call_after(RECORDED).handle(digit) == []
    assert call_after(BRIDGED).handle(digit) == [SendDtmf(Side.AGENT, "5")]
    assert call_after(BRIDGED).handle(on.DtmfReceived(Side.AGENT, "#")) == [SendDtmf(Side.CALLER, "#")]
    assert call_after(RETURNING).handle(digit) == []


# -- the caller gives up -----------------------------------------------------------------------------------


def test_a_cancel_while_the_call_is_recorded_waits_for_the_record_so_that_it_can_be_closed() -> None:
    call = call_after(())
    assert call.handle(CANCELLED) == [Stop(Timer.RECORD)]
    assert acts(call, on.Recorded()) == [CancelSignals(), Close(End.CALLER, Reason.CANCELLED)]


def test_a_cancel_while_dialling_takes_everything_back() -> None:
    call = call_after(RECORDED)
    assert acts(call, CANCELLED) == [
        HangUp(Side.AGENT),
        CancelSignals(),
        Close(End.CALLER, Reason.CANCELLED),
    ]


def test_the_signal_of_a_caller_who_leaves_while_it_becomes_durable_is_taken_back() -> None:
    call = call_after(HANDED_OFF)
    assert acts(call, CALLER_GONE) == [HangUp(Side.AGENT)]
    assert acts(call, TOLD) == [CancelSignals(), Close(End.HANDOFF, Reason.HANDOFF)]


def test_nothing_was_decided_if_the_signal_of_a_caller_who_left_can_not_be_recorded() -> None:
    call = call_after((*HANDED_OFF, CALLER_GONE))
    assert acts(call, on.NotTold()) == [CancelSignals(), Close(End.CALLER, Reason.CALLER_HUNG_UP)]


def test_a_caller_who_leaves_once_the_signal_is_durable_ends_the_call_at_once() -> None:
    call = call_after(TELLING)
    assert acts(call, CALLER_GONE) == [
        HangUp(Side.AGENT),
        CancelSignals(),
        Close(End.HANDOFF, Reason.HANDOFF),
    ]


def test_the_bye_of_a_caller_given_back_takes_no_signal_back() -> None:
    assert CancelSignals() not in call_after(RETURNING).handle(CALLER_GONE)


# -- the record, and who else may end a call ---------------------------------------------------------------


def test_a_call_that_can_not_be_recorded_is_not_taken() -> None:
    call = call_after(())
    assert acts(call, on.NotRecorded()) == [
        RefuseCaller(Reason.NOT_READY),
        Close(End.FAILED, Reason.NOT_READY),
    ]


def test_a_call_that_can_not_be_recorded_and_was_given_up_is_just_over() -> None:
    call = call_after((CANCELLED,))
    assert acts(call, on.NotRecorded()) == [Close(End.CALLER, Reason.CANCELLED)]


def test_an_operator_ends_a_bridged_call_as_failed() -> None:
    call = call_after(BRIDGED)
    assert Tell(Moment.FAILED, Reason.OPERATOR) in call.handle(on.EndAsked(Reason.OPERATOR))
    call.handle(on.Told(sent=False))
    assert acts(call, CALLER_GONE) == [Close(End.FAILED, Reason.OPERATOR)]


def test_an_operator_ends_a_ringing_call_and_the_caller_is_refused() -> None:
    call = call_after(RECORDED)
    assert acts(call, on.EndAsked(Reason.SHUTDOWN)) == [
        HangUp(Side.AGENT),
        Start(Timer.DEADLINE),
        Tell(Moment.FAILED, Reason.SHUTDOWN),
    ]
    assert acts(call, on.Told(sent=False)) == [
        RefuseCaller(Reason.NO_AGENT),
        Close(End.FAILED, Reason.SHUTDOWN),
    ]


def test_an_end_asked_for_while_the_call_is_recorded_is_not_forgotten() -> None:
    call = call_after(())
    assert call.handle(on.EndAsked(Reason.SHUTDOWN)) == []
    assert acts(call, on.Recorded()) == [Start(Timer.DEADLINE), Tell(Moment.FAILED, Reason.SHUTDOWN)]


def test_the_end_of_a_call_stops_every_clock() -> None:
    assert StopAll() in call_after(RETURNING).handle(CALLER_GONE)
