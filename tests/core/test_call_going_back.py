# SPDX-License-Identifier: GPL-3.0-or-later
"""How a caller goes back, read as a specification: each way, and what follows when it fails."""

from __future__ import annotations

import pytest

from agent.core import events as on
from agent.core.actions import (
    Action,
    Audio,
    AwaitSilence,
    Begin,
    CancelSignals,
    Close,
    Dial,
    HangUp,
    Play,
    Refer,
    Report,
    Returned,
    SendDtmf,
    Start,
    Stop,
    Timer,
)
from agent.core.call import Plan, State, whereabouts
from agent.core.events import Event
from agent.core.methods import Method
from agent.core.moments import Moment
from agent.core.reasons import End, Reason
from agent.core.records import Whereabouts
from agent.core.sides import Side
from tests.core.calls import (
    ACCEPTED,
    AGENT_GONE,
    BRIDGE,
    BRIDGED,
    CALLER_GONE,
    ELSE_REFER,
    ELSEWHERE,
    FAILED,
    FINISH,
    HANDED_OFF,
    HANDOFF,
    KEEP,
    LATE,
    REFER,
    RELEASE,
    RETURNING,
    TELLING,
    TOLD,
    acts,
    call_after,
    stands,
)

# -- what the voice agent says is finished first ------------------------------------------------------------


def test_a_handoff_is_durable_at_once_and_begun_when_the_voice_agent_has_fallen_silent() -> None:
    call = call_after(HANDED_OFF, FINISH)
    assert call.holds_signal
    assert call.handle(TOLD) == [Stop(Timer.DEADLINE), Start(Timer.PROMPT), AwaitSilence()]
    assert stands(call) is State.FINISHING
    assert call.handle(on.PromptFinished()) == [Stop(Timer.PROMPT), Begin(), Start(Timer.DEADLINE)]
    assert stands(call) is State.TELLING
    assert HangUp(Side.AGENT) in call.handle(ACCEPTED)


@pytest.mark.parametrize(
    "event",
    [on.TimerFired(Timer.PROMPT), on.TimerFired(Timer.DURATION), on.MediaLost(Side.AGENT)],
    ids=["it_speaks_too_long", "the_call_is_too_long", "media_is_lost"],
)
def test_a_voice_agent_that_never_falls_silent_is_not_waited_for_for_ever(event: Event) -> None:
    call = call_after(TELLING, FINISH)
    assert call.handle(event) == [Stop(Timer.PROMPT), Begin(), Start(Timer.DEADLINE)]


def test_a_voice_agent_that_hangs_up_has_finished() -> None:
    call = call_after(TELLING, FINISH)
    assert acts(call, AGENT_GONE) == [Play(Audio.COMFORT), Begin(), Start(Timer.DEADLINE)]
    assert stands(call) is State.TELLING_ALONE


def test_digits_cross_while_the_voice_agent_finishes() -> None:
    call = call_after(TELLING, FINISH)
    assert call.handle(on.DtmfReceived(Side.CALLER, "5")) == [SendDtmf(Side.AGENT, "5")]


def test_the_held_signal_of_a_caller_who_leaves_is_taken_back_and_not_left_lying() -> None:
    call = call_after(TELLING, FINISH)
    assert acts(call, CALLER_GONE) == [
        HangUp(Side.AGENT),
        Begin(),
        CancelSignals(),
        Close(End.HANDOFF, Reason.HANDOFF),
    ]


def test_without_a_signal_the_caller_goes_back_when_the_voice_agent_has_fallen_silent() -> None:
    call = call_after((*HANDED_OFF, on.Told(sent=False)), FINISH)
    assert stands(call) is State.FINISHING_UNSIGNALLED
    assert Begin() not in call.handle(on.PromptFinished())
    assert stands(call) is State.RETURNING


def test_without_a_signal_a_voice_agent_that_hangs_up_has_finished_too() -> None:
    call = call_after((*HANDED_OFF, on.Told(sent=False)), FINISH)
    assert HangUp(Side.AGENT) not in call.handle(AGENT_GONE)
    assert stands(call) is State.RETURNING


def test_only_a_handoff_of_a_voice_agent_that_is_there_is_held() -> None:
    assert not call_after((*HANDED_OFF, AGENT_GONE), FINISH).holds_signal
    assert not call_after((*BRIDGED, on.MediaLost(Side.AGENT)), FINISH).holds_signal
    assert not call_after(HANDED_OFF).holds_signal


# -- back by REFER -----------------------------------------------------------------------------------------


def test_the_callers_leg_is_referred_once_the_script_is_told() -> None:
    call = call_after(TELLING, REFER)
    assert acts(call, ACCEPTED) == [
        Play(Audio.COMFORT),
        Report(taken=True),
        HangUp(Side.AGENT),
        Refer(0),
        Start(Timer.TRANSFER),
    ]
    assert stands(call) is State.REFERRING


def test_an_accepted_refer_is_followed_to_its_outcome() -> None:
    call = call_after(RETURNING, REFER)
    assert call.handle(on.TransferProgress(202, final=False)) == []
    assert call.handle(on.TransferProgress(180, final=False)) == []
    assert acts(call, on.TransferProgress(200, final=True)) == [
        Returned(Method.REFER),
        HangUp(Side.CALLER),
        Close(End.HANDOFF, Reason.HANDOFF),
    ]


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (on.TransferProgress(491, final=True), 1.0),
        (on.TransferProgress(491, final=True, retry_after=3), 3.0),
        (on.TransferProgress(500, final=True, retry_after=0), 1.0),
        (on.TransferProgress(503, final=True, retry_after=2), 2.0),
    ],
)
def test_a_refer_that_is_not_taken_just_now_is_sent_again(
    answer: on.TransferProgress, seconds: float
) -> None:
    call = call_after(RETURNING, REFER)
    for _ in range(3):
        assert call.handle(answer) == [Start(Timer.REPEAT, seconds)]
        assert call.handle(on.TimerFired(Timer.REPEAT)) == [Refer(0)]
    assert acts(call, on.TransferProgress(500, final=True)) == [Refer(1), Start(Timer.TRANSFER)]


def test_a_refer_that_waits_to_be_sent_again_does_so_no_longer_than_the_transfer_may_take() -> None:
    call = call_after((*RETURNING, on.TransferProgress(491, final=True)), REFER)
    assert call.handle(on.TimerFired(Timer.TRANSFER)) == [
        Stop(Timer.REPEAT),
        Refer(1),
        Start(Timer.TRANSFER),
    ]


def test_a_caller_whose_bye_comes_before_the_outcome_is_gone_back() -> None:
    call = call_after((*RETURNING, on.TransferProgress(202, final=False)), REFER)
    assert acts(call, CALLER_GONE) == [Close(End.HANDOFF, Reason.HANDOFF)]


def test_a_refer_that_is_refused_or_fails_is_followed_by_one_to_the_next_target() -> None:
    call = call_after(RETURNING, REFER)
    assert call.handle(on.TransferProgress(405, final=True)) == [Refer(1), Start(Timer.TRANSFER)]
    assert acts(call, on.TransferProgress(486, final=True)) == [
        Returned(Method.RELEASE),
        Start(Timer.WAIT_FOR_BYE),
    ]


def test_no_second_refer_is_sent_while_the_first_may_still_come_true() -> None:
    call = call_after((*RETURNING, on.TransferProgress(202, final=False)), REFER)
    assert acts(call, on.TimerFired(Timer.TRANSFER)) == [Returned(Method.RELEASE), Start(Timer.WAIT_FOR_BYE)]
    assert call.handle(on.TransferProgress(486, final=True)) == []


def test_what_a_voice_agent_names_is_one_target_more() -> None:
    call = call_after((*BRIDGED, on.HandoffAsked(ELSEWHERE), TOLD, ACCEPTED), REFER)
    refused = on.TransferProgress(603, final=True)
    assert [call.handle(refused)[0], call.handle(refused)[0]] == [Refer(1), Refer(2)]
    assert Returned(Method.RELEASE) in call.handle(refused)


def test_a_target_that_was_named_is_forgotten_when_that_handoff_could_not_be_recorded() -> None:
    events = (*BRIDGED, on.HandoffAsked(ELSEWHERE), on.NotTold(), on.HandoffAsked(HANDOFF), TOLD, ACCEPTED)
    assert call_after(events, REFER).back == 2


# -- back by a leg of our own ------------------------------------------------------------------------------


def test_a_target_is_dialled_and_bridged_once_the_script_is_told() -> None:
    call = call_after(TELLING, BRIDGE)
    assert acts(call, ACCEPTED) == [
        Play(Audio.COMFORT),
        Report(taken=True),
        HangUp(Side.AGENT),
        Start(Timer.RING),
        Dial(Side.TARGET, 0, 1),
        Start(Timer.RESPONSE),
    ]
    assert call.wants(Side.TARGET, 1)
    assert not call.wants(Side.AGENT, 1)
    assert call.handle(on.TargetProgress(180)) == [Stop(Timer.RESPONSE), Stop(Timer.TRYING)]
    assert acts(call, on.TargetAnswered()) == [
        Play(Audio.TRANSFERRED),
        Returned(Method.BRIDGE),
        Start(Timer.DURATION),
    ]
    assert stands(call) is State.TRANSFERRED


@pytest.mark.parametrize(
    ("event", "actions"),
    [
        (on.LegEnded(Side.TARGET, 486, attempt=1), []),
        (on.TimerFired(Timer.RESPONSE), [HangUp(Side.TARGET)]),
        (on.TimerFired(Timer.TRYING), [HangUp(Side.TARGET)]),
        (on.TargetAnswered(audio=False), [HangUp(Side.TARGET)]),
    ],
    ids=["refuses", "says_nothing", "says_100_and_nothing", "answers_without_audio"],
)
def test_a_target_that_does_not_take_the_caller_is_followed_by_the_next(
    event: Event, actions: list[Action]
) -> None:
    call = call_after(RETURNING, BRIDGE)
    assert acts(call, event) == [*actions, Dial(Side.TARGET, 1, 2), Start(Timer.RESPONSE)]
    assert call.handle(on.LegEnded(Side.TARGET, 487, attempt=1)) == []


def test_where_no_target_takes_the_caller_the_contact_centre_has_its_time_to() -> None:
    call = call_after((*RETURNING, on.LegEnded(Side.TARGET, 486, attempt=1)), BRIDGE)
    assert acts(call, on.LegEnded(Side.TARGET, 503, attempt=2)) == [
        Returned(Method.RELEASE),
        Start(Timer.WAIT_FOR_BYE),
    ]


def test_all_targets_together_ring_no_longer_than_the_ring_timer_on_the_way_back_too() -> None:
    call = call_after(RETURNING, BRIDGE)
    assert acts(call, on.TimerFired(Timer.RING))[0] == HangUp(Side.TARGET)
    assert stands(call) is State.RETURNING


def test_the_end_of_the_voice_agents_leg_is_not_that_of_the_target() -> None:
    call = call_after((*RETURNING, AGENT_GONE), BRIDGE)
    assert stands(call) is State.DIALLING_BACK
    call.handle(on.TargetAnswered())
    assert call.handle(AGENT_GONE) == []
    assert stands(call) is State.TRANSFERRED


@pytest.mark.parametrize(
    ("event", "ended", "reason"),
    [
        (on.LegEnded(Side.TARGET, 200, attempt=1), [Side.CALLER], Reason.HANDOFF),
        (CALLER_GONE, [Side.TARGET], Reason.HANDOFF),
        (on.TimerFired(Timer.DURATION), [Side.TARGET, Side.CALLER], Reason.TOO_LONG),
        (on.MediaLost(Side.TARGET), [Side.TARGET, Side.CALLER], Reason.MEDIA_LOST),
        (on.EndAsked(Reason.OPERATOR), [Side.TARGET, Side.CALLER], Reason.OPERATOR),
    ],
    ids=["target", "caller", "duration", "media", "operator"],
)
def test_a_transferred_call_ends_with_both_its_legs(event: Event, ended: list[Side], reason: Reason) -> None:
    call = call_after((*RETURNING, on.TargetAnswered()), BRIDGE)
    assert acts(call, event) == [*map(HangUp, ended), Close(End.HANDOFF, reason)]


def test_a_target_and_a_caller_who_do_not_hear_each_other_are_let_go() -> None:
    call = call_after((*RETURNING, on.TargetAnswered()), BRIDGE)
    assert acts(call, on.ActionFailed(Play(Audio.TRANSFERRED))) == [
        HangUp(Side.TARGET),
        HangUp(Side.CALLER),
        Close(End.HANDOFF, Reason.INTERNAL),
    ]


def test_digits_cross_between_caller_and_target() -> None:
    call = call_after((*RETURNING, on.TargetAnswered()), BRIDGE)
    assert call.handle(on.DtmfReceived(Side.CALLER, "1")) == [SendDtmf(Side.TARGET, "1")]
    assert call.handle(on.DtmfReceived(Side.TARGET, "2")) == [SendDtmf(Side.CALLER, "2")]
    assert call.handle(on.DtmfReceived(Side.AGENT, "3")) == []


@pytest.mark.parametrize("plan", [REFER, BRIDGE])
def test_only_a_handoff_goes_to_a_target_other_ends_are_the_scripts_affair(plan: Plan) -> None:
    call = call_after((*BRIDGED, on.MediaLost(Side.AGENT), TOLD), plan)
    call.handle(on.SignalSettled(Moment.FAILED, accepted=True))
    assert stands(call) is State.RETURNING


# -- the script could not be told --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "state"),
    [(RELEASE, State.RETURNING), (REFER, State.REFERRING), (BRIDGE, State.DIALLING_BACK)],
    ids=["release", "refer", "bridge"],
)
@pytest.mark.parametrize("failure", [FAILED, LATE], ids=["failed", "late"])
def test_the_caller_goes_back_by_the_projects_method_all_the_same(
    plan: Plan, state: State, failure: Event
) -> None:
    call = call_after(TELLING, plan)
    assert CancelSignals(Moment.HANDOFF) not in call.handle(failure)
    assert call.state is state


def test_or_referred_to_a_target_and_the_script_does_not_hear_of_it_any_more() -> None:
    call = call_after(TELLING, ELSE_REFER)
    assert acts(call, FAILED) == [
        CancelSignals(Moment.HANDOFF),
        Play(Audio.COMFORT),
        Report(taken=True),
        HangUp(Side.AGENT),
        Refer(0),
        Start(Timer.TRANSFER),
    ]


def test_or_kept_by_the_voice_agent_which_is_told_so() -> None:
    call = call_after(TELLING, KEEP)
    assert acts(call, FAILED) == [
        CancelSignals(Moment.HANDOFF),
        Report(taken=False),
        Start(Timer.DURATION),
    ]
    assert stands(call) is State.KEPT
    assert call.handle(on.DtmfReceived(Side.CALLER, "5")) == [SendDtmf(Side.AGENT, "5")]
    assert not call.takes_handoff


@pytest.mark.parametrize(("plan", "state"), [(KEEP, State.KEPT), (ELSE_REFER, State.REFERRING)])
def test_not_in_time_is_a_failure_too(plan: Plan, state: State) -> None:
    call = call_after(TELLING, plan)
    assert CancelSignals(Moment.HANDOFF) in call.handle(LATE)
    assert stands(call) is state


def test_no_one_is_kept_by_a_voice_agent_that_is_gone() -> None:
    call = call_after((*TELLING, AGENT_GONE), KEEP)
    call.handle(FAILED)
    assert stands(call) is State.RETURNING


def test_a_signal_that_was_on_the_wire_and_is_accepted_after_all_counts() -> None:
    call = call_after((*TELLING, LATE), KEEP)
    assert acts(call, ACCEPTED)[:3] == [Play(Audio.COMFORT), Report(taken=True), HangUp(Side.AGENT)]
    assert stands(call) is State.RETURNING


@pytest.mark.parametrize(
    ("event", "ended", "reason"),
    [
        (AGENT_GONE, [HangUp(Side.CALLER)], Reason.SIGNAL_FAILED),
        (CALLER_GONE, [HangUp(Side.AGENT), CancelSignals()], Reason.SIGNAL_FAILED),
        (on.TimerFired(Timer.DURATION), [HangUp(Side.AGENT), HangUp(Side.CALLER)], Reason.TOO_LONG),
        (on.MediaLost(Side.AGENT), [HangUp(Side.AGENT), HangUp(Side.CALLER)], Reason.MEDIA_LOST),
        (on.EndAsked(Reason.OPERATOR), [HangUp(Side.AGENT), HangUp(Side.CALLER)], Reason.OPERATOR),
    ],
    ids=["voice_agent", "caller", "duration", "media", "operator"],
)
def test_a_kept_call_ends_with_whoever_hangs_up(event: Event, ended: list[Action], reason: Reason) -> None:
    call = call_after((*TELLING, FAILED), KEEP)
    assert acts(call, event) == [*ended, Close(End.HANDOFF, reason)]


# -- the record takes longer than the deadline -------------------------------------------------------------


def test_the_signal_of_a_caller_who_is_kept_meanwhile_is_taken_back_when_it_is_durable() -> None:
    call = call_after((*HANDED_OFF, LATE), KEEP)
    assert stands(call) is State.STORING_KEPT
    assert call.handle(TOLD) == [CancelSignals(Moment.HANDOFF)]
    assert stands(call) is State.KEPT


def test_a_voice_agent_that_keeps_the_caller_meanwhile_may_ask_again_if_the_record_fails() -> None:
    call = call_after((*HANDED_OFF, LATE), KEEP)
    assert call.handle(on.NotTold()) == []
    assert call.takes_handoff


def test_the_signal_of_a_caller_who_is_referred_meanwhile_is_taken_back_when_it_is_durable() -> None:
    call = call_after((*HANDED_OFF, LATE), ELSE_REFER)
    assert stands(call) is State.STORING_REFERRING
    assert call.handle(TOLD) == [CancelSignals(Moment.HANDOFF)]
    assert stands(call) is State.REFERRING


def test_and_so_it_is_if_the_refer_was_quicker_still() -> None:
    call = call_after((*HANDED_OFF, LATE, on.TransferProgress(200, final=True)), ELSE_REFER)
    assert stands(call) is State.STORING_OVER
    assert acts(call, TOLD) == [CancelSignals(Moment.HANDOFF), Close(End.HANDOFF, Reason.HANDOFF)]
    assert call_after((*HANDED_OFF, LATE), ELSE_REFER).handle(on.NotTold()) == []


@pytest.mark.parametrize(
    ("plan", "events", "reason"),
    [
        (KEEP, (AGENT_GONE,), Reason.SIGNAL_FAILED),
        (KEEP, (on.EndAsked(Reason.OPERATOR),), Reason.OPERATOR),
        (ELSE_REFER, (CALLER_GONE,), Reason.HANDOFF),
        (ELSE_REFER, (on.TransferProgress(200, final=True), CALLER_GONE), Reason.HANDOFF),
    ],
    ids=["voice_agent", "operator", "caller_referring", "caller_returning"],
)
def test_a_call_that_is_over_first_waits_for_its_record_so_that_nothing_of_it_is_sent(
    plan: Plan, events: tuple[Event, ...], reason: Reason
) -> None:
    call = call_after((*HANDED_OFF, LATE, *events), plan)
    assert stands(call) is State.STORING_OVER
    assert acts(call, TOLD) == [CancelSignals(Moment.HANDOFF), Close(End.HANDOFF, reason)]
    call = call_after((*HANDED_OFF, LATE, *events), plan)
    assert acts(call, on.NotTold()) == [Close(End.HANDOFF, reason)]


def test_where_the_caller_is_released_the_script_may_hear_of_it_late() -> None:
    call = call_after((*HANDED_OFF, LATE))
    assert call.handle(TOLD) == []


# -- where the caller is, for those who handed it off -------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "events", "where"),
    [
        (RELEASE, BRIDGED, Whereabouts.VOICE_AGENT),
        (RELEASE, TELLING, Whereabouts.VOICE_AGENT),
        (FINISH, TELLING, Whereabouts.VOICE_AGENT),
        (RELEASE, (*TELLING, AGENT_GONE), Whereabouts.ON_THE_WAY),
        (RELEASE, RETURNING, Whereabouts.ON_THE_WAY),
        (REFER, RETURNING, Whereabouts.ON_THE_WAY),
        (BRIDGE, RETURNING, Whereabouts.ON_THE_WAY),
        (ELSE_REFER, (*HANDED_OFF, LATE), Whereabouts.ON_THE_WAY),
        (BRIDGE, (*RETURNING, on.TargetAnswered()), Whereabouts.QUEUE),
        (KEEP, (*TELLING, FAILED), Whereabouts.KEPT),
        (KEEP, (*HANDED_OFF, LATE), Whereabouts.KEPT),
        (RELEASE, (*HANDED_OFF, CALLER_GONE), Whereabouts.GONE),
        (RELEASE, (*RETURNING, CALLER_GONE), Whereabouts.GONE),
    ],
)
def test_a_voice_agent_can_see_where_its_caller_is(
    plan: Plan, events: tuple[Event, ...], where: Whereabouts
) -> None:
    assert whereabouts(call_after(events, plan).state) is where


# -- somebody else ends the call ---------------------------------------------------------------------------


@pytest.mark.parametrize("plan", [REFER, BRIDGE, KEEP, ELSE_REFER, FINISH])
@pytest.mark.parametrize("events", [HANDED_OFF, TELLING, (*HANDED_OFF, AGENT_GONE), (*TELLING, AGENT_GONE)])
def test_a_handed_off_call_that_is_to_be_ended_is_released_and_goes_to_nobody_anew(
    plan: Plan, events: tuple[Event, ...]
) -> None:
    call = call_after(events, plan)
    actions = call.handle(on.EndAsked(Reason.SHUTDOWN))
    assert actions[-2:] == [Returned(Method.RELEASE), Start(Timer.WAIT_FOR_BYE)]
    assert (Begin() in actions) == (plan is FINISH and events is TELLING)


@pytest.mark.parametrize(
    ("plan", "ended"),
    [(RELEASE, []), (REFER, []), (BRIDGE, [HangUp(Side.TARGET)])],
    ids=["release", "refer", "bridge"],
)
def test_a_caller_on_the_way_back_is_let_go_when_the_call_is_to_be_ended(
    plan: Plan, ended: list[Action]
) -> None:
    call = call_after(RETURNING, plan)
    assert acts(call, on.EndAsked(Reason.SHUTDOWN)) == [
        *ended,
        HangUp(Side.CALLER),
        Close(End.HANDOFF, Reason.SHUTDOWN),
    ]
