# SPDX-License-Identifier: GPL-3.0-or-later
"""The legs of one call: which side each is on, and who hears whom."""

from __future__ import annotations

import pytest

from agent.calls.legs import Legs
from agent.core.actions import Audio
from agent.core.sides import Side
from agent.sip.players import Player
from tests.shell.harness.sip import FakeLeg, FakePlayer, Verbs


def leg(role: str) -> FakeLeg:
    return FakeLeg(Verbs(), lambda _: None, role, f"sip-{role}")


class Call:
    """A caller's leg, and a voice agent's as the first that was dialled."""

    def __init__(self) -> None:
        self.caller, self.agent = leg("caller"), leg("agent")
        self.comfort: Player | None = FakePlayer("tone")
        self.asked_for_comfort = 0
        self.legs = Legs(self.caller, self._comfort)
        self.legs.add(Side.AGENT, self.agent, 1)

    def _comfort(self) -> Player | None:
        self.asked_for_comfort += 1
        return self.comfort


def test_each_leg_is_on_its_side() -> None:
    call = Call()
    assert call.legs.side_of(call.caller.key) is Side.CALLER
    assert call.legs.side_of(call.agent.key) is Side.AGENT
    assert call.legs.side_of(leg("stranger").key) is None


def test_a_leg_that_was_given_up_is_on_no_side_but_it_is_known_on_which_it_was() -> None:
    call = Call()
    call.legs.hang_up(Side.AGENT)
    assert call.agent.got == ["CANCEL"]
    assert call.legs.side_of(call.agent.key) is None
    assert call.legs.dialled_as(call.agent.key) is Side.AGENT
    assert call.legs.dialled_as(call.caller.key) is Side.CALLER
    call.legs.hang_up(Side.AGENT)  # there is none any more
    assert call.agent.got == ["CANCEL"]


def test_the_end_of_a_leg_that_was_given_up_takes_nothing_from_the_one_that_took_its_place() -> None:
    call, second = Call(), leg("second")
    call.legs.hang_up(Side.AGENT)
    call.legs.add(Side.AGENT, second, 2)
    assert call.legs.ended(call.agent.key) == (Side.AGENT, 1)
    assert call.legs.legs[Side.AGENT] is second
    assert call.legs.ended(second.key) == (Side.AGENT, 2)
    assert Side.AGENT not in call.legs.legs


def test_the_caller_s_leg_belongs_to_the_call_even_after_its_end() -> None:
    call = Call()
    call.legs.hang_up(Side.CALLER)
    assert call.legs.ended(call.caller.key) == (Side.CALLER, 0)
    assert call.legs.legs[Side.CALLER] is call.caller


@pytest.mark.parametrize(("audio", "side"), [(Audio.BRIDGED, Side.AGENT), (Audio.TRANSFERRED, Side.TARGET)])
def test_bridged_means_that_both_hear_each_other(audio: Audio, side: Side) -> None:
    call, target = Call(), leg("target")
    call.legs.add(Side.TARGET, target, 1)
    call.legs.play(audio)
    across = call.agent if side is Side.AGENT else target
    assert (call.caller.heard, across.heard) == (across, call.caller)
    assert call.legs.audio is audio


def test_comfort_audio_is_begun_once_and_the_voice_agent_hears_the_caller_no_more() -> None:
    call = Call()
    call.legs.play(Audio.BRIDGED)
    call.legs.play(Audio.COMFORT)
    call.legs.play(Audio.COMFORT)
    assert (call.caller.heard, call.agent.heard) == (call.comfort, None)
    assert call.asked_for_comfort == 1


def test_silence_is_comfort_too() -> None:
    call = Call()
    call.comfort = None
    call.legs.play(Audio.BRIDGED)
    call.legs.play(Audio.COMFORT)
    assert call.caller.heard is None


def test_without_anybody_across_nothing_changes_for_the_caller() -> None:
    call = Call()
    call.legs.play(Audio.TRANSFERRED)
    assert (call.caller.heard, call.legs.audio) == (None, Audio.TRANSFERRED)


def test_a_digit_goes_to_a_leg_that_is_there() -> None:
    call = Call()
    call.legs.send_dtmf(Side.AGENT, "5", 160)
    call.legs.send_dtmf(Side.TARGET, "6", 160)
    assert call.agent.got == ["digit 5"]
