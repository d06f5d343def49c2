# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as a response, as an answer and as an end, read as a specification."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agent.core import events as on
from agent.core.actions import (
    AnswerCaller,
    Audio,
    Begin,
    CancelSignals,
    Close,
    Dial,
    HangUp,
    Play,
    Start,
    Stop,
    Tell,
    Timer,
)
from agent.core.call import State, whereabouts
from agent.core.events import Event
from agent.core.moments import Moment
from agent.core.reasons import End, Reason
from agent.core.records import Whereabouts
from agent.core.sides import Side
from tests.core.calls import (
    BRIDGE,
    BRIDGED,
    FINISH,
    HANDED_OFF,
    RECORDED,
    RELEASE,
    RETURNING,
    TELLING,
    TOLD,
    acts,
    call_after,
    stands,
)

EXPIRED = on.LegEnded(Side.CALLER, 408, lost=Reason.SESSION_EXPIRED)
NO_PRACK = on.LegEnded(Side.CALLER, 504, lost=Reason.NO_PRACK)
UNABLE = on.LegEnded(Side.CALLER, 488, lost=Reason.INTERNAL)
AGENT_LOST = on.LegEnded(Side.AGENT, 408, attempt=1, lost=Reason.AGENT_LOST)
NEXT = [HangUp(Side.AGENT), Dial(Side.AGENT, 1, 2), Start(Timer.RESPONSE)]

# -- responses ---------------------------------------------------------------------------------------------


def test_a_100_is_a_response_that_nobody_is_told_of() -> None:
    call = call_after(RECORDED)
    assert call.handle(on.AgentProgress(100)) == [Stop(Timer.RESPONSE), Start(Timer.TRYING)]


def test_who_says_100_and_nothing_more_makes_room_for_the_next() -> None:
    call = call_after((*RECORDED, on.AgentProgress(100)))
    assert acts(call, on.TimerFired(Timer.TRYING)) == NEXT


def test_the_last_one_that_says_100_has_all_of_the_ring_time() -> None:
    second = (on.AgentProgress(100), on.TimerFired(Timer.TRYING), on.AgentProgress(100))
    call = call_after((*RECORDED, *second))
    assert call.handle(on.TimerFired(Timer.TRYING)) == []
    assert acts(call, on.AgentAnswered())[0] == AnswerCaller()


def test_a_target_to_go_back_to_that_says_100_is_waited_for_too() -> None:
    call = call_after(RETURNING, BRIDGE)
    assert call.handle(on.TargetProgress(100)) == [Stop(Timer.RESPONSE), Start(Timer.TRYING)]


# -- answers -----------------------------------------------------------------------------------------------


def test_a_200_by_which_no_audio_can_flow_is_no_answer() -> None:
    call = call_after(RECORDED)
    assert acts(call, on.AgentAnswered(audio=False)) == NEXT
    assert call.handle(on.LegEnded(Side.AGENT, 200, attempt=1)) == [], "its end is of no interest"
    assert acts(call, on.AgentAnswered())[0] == AnswerCaller()


def test_where_no_other_target_is_left_the_call_fails_as_if_nobody_had_answered() -> None:
    call = call_after((*RECORDED, on.AgentAnswered(audio=False)))
    assert acts(call, on.AgentAnswered(audio=False)) == [
        HangUp(Side.AGENT),
        Start(Timer.DEADLINE),
        Tell(Moment.FAILED, Reason.NO_AGENT),
    ]


# -- ends that nobody asked for ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "lost", "reason"),
    [
        (BRIDGED, EXPIRED, Reason.SESSION_EXPIRED),
        (RECORDED, NO_PRACK, Reason.NO_PRACK),
        (BRIDGED, UNABLE, Reason.INTERNAL),
        (RECORDED, UNABLE, Reason.INTERNAL),
    ],
)
def test_the_script_of_a_caller_whose_leg_is_lost_is_told(
    before: Sequence[Event], lost: Event, reason: Reason
) -> None:
    call = call_after(before)
    assert acts(call, lost) == [HangUp(Side.AGENT), Tell(Moment.FAILED, reason)]
    assert whereabouts(stands(call)) is Whereabouts.GONE
    assert acts(call, TOLD) == [Close(End.FAILED, reason)]


def test_one_that_is_lost_while_its_call_is_recorded_is_told_once_it_is() -> None:
    call = call_after((UNABLE,))
    assert acts(call, on.Recorded()) == [Tell(Moment.FAILED, Reason.INTERNAL)]
    assert acts(call, TOLD) == [Close(End.FAILED, Reason.INTERNAL)]


def test_and_has_failed_though_it_never_is() -> None:
    call = call_after((UNABLE,))
    assert acts(call, on.NotRecorded()) == [Close(End.FAILED, Reason.INTERNAL)]


def test_a_lost_leg_is_over_even_if_the_signal_can_not_be_recorded() -> None:
    call = call_after((*BRIDGED, EXPIRED))
    assert acts(call, on.NotTold()) == [Close(End.FAILED, Reason.SESSION_EXPIRED)]


def test_a_handoff_that_is_being_recorded_when_the_callers_leg_is_lost_is_signalled_all_the_same() -> None:
    call = call_after((*HANDED_OFF, EXPIRED))
    assert stands(call) is State.STORING_LOST
    assert acts(call, TOLD) == [Close(End.HANDOFF, Reason.HANDOFF)]


def test_and_so_is_one_on_its_way() -> None:
    call = call_after(TELLING)
    assert acts(call, EXPIRED) == [HangUp(Side.AGENT), Close(End.HANDOFF, Reason.HANDOFF)]


def test_and_one_that_waits_for_the_end_of_the_prompt() -> None:
    call = call_after((*HANDED_OFF, TOLD), FINISH)
    assert acts(call, EXPIRED) == [HangUp(Side.AGENT), Begin(), Close(End.HANDOFF, Reason.HANDOFF)]


def test_a_voice_agent_that_is_lost_has_completed_nothing() -> None:
    call = call_after(BRIDGED)
    assert acts(call, AGENT_LOST) == [
        Play(Audio.COMFORT),
        Start(Timer.DEADLINE),
        Tell(Moment.FAILED, Reason.AGENT_LOST),
    ]
    call.handle(TOLD)
    call.handle(on.SignalSettled(Moment.FAILED, accepted=True))
    assert stands(call) is State.RETURNING, "the contact centre takes the caller"


def test_a_caller_who_hangs_up_is_not_lost() -> None:
    call = call_after(BRIDGED, RELEASE)
    actions = acts(call, on.LegEnded(Side.CALLER, 200))
    assert actions == [HangUp(Side.AGENT), CancelSignals(), Close(End.CALLER, Reason.CALLER_HUNG_UP)]
