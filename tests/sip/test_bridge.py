# SPDX-License-Identifier: GPL-3.0-or-later
"""A leg's audio in the conference bridge: who is joined to whom, through every change of its stream."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from agent.sip import bridge
from agent.sip.bridge import BridgeAudio
from agent.sip.players import Player, Recording
from agent.sip.traffic import Traffic


class Native:
    """Stands for pjsua2: which native call has which port, and what is joined."""

    def __init__(self) -> None:
        self.ports: dict[int, int] = {}
        self.counts: dict[int, str] = {}
        self.joined: set[tuple[int, int]] = set()
        self.refuses = False

    def handoff_audio_connect(self, source: int, sink: int, on: int) -> int:
        """Join or part two ports; 0 when done."""
        if self.refuses:
            return 70004
        (self.joined.add if on else self.joined.discard)((source, sink))
        return 0

    def handoff_leg_audio(self, number: int) -> int:
        """The port of a native call; -1 while it has none."""
        return self.ports.get(number, -1)

    def handoff_leg_level(self, number: int) -> int:
        """How loud it is."""
        return 100 + number

    def handoff_leg_traffic(self, number: int) -> str:
        """What was counted of its stream."""
        return self.counts.get(number, "")


def player() -> Player:
    """One with a place for ever."""
    return cast("Player", SimpleNamespace(slot=30, generation=0))


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> Native:
    made = Native()
    monkeypatch.setattr(bridge, "pjsua2", made)
    return made


def flowing(native: Native, number: int, port: int) -> BridgeAudio:
    """The audio of a native call, with a stream at this port."""
    audio = BridgeAudio(f"leg {number}")
    native.ports[number] = port
    audio.changed(number)
    return audio


def test_before_its_first_stream_nothing_flows_and_nothing_is_joined(native: Native) -> None:
    audio, other = BridgeAudio("leg 1"), flowing(native, 2, 20)
    audio.hear(other)
    other.hear(audio)
    assert (audio.flowing, audio.level, audio.traffic) == (False, 0, Traffic())
    assert native.joined == set()


def test_two_that_hear_each_other_are_joined_both_ways_as_soon_as_both_flow(native: Native) -> None:
    one, other = BridgeAudio("leg 1"), flowing(native, 2, 20)
    one.hear(other)
    other.hear(one)
    native.ports[1] = 10
    one.changed(1)
    assert native.joined == set(), "native code is on the stack: nothing may act"
    one.reconnect()
    assert native.joined == {(20, 10), (10, 20)}
    assert (one.flowing, one.level) == (True, 101)


def test_a_stream_at_a_new_place_is_joined_there_with_all_who_hear_it(native: Native) -> None:
    one, other = flowing(native, 1, 10), flowing(native, 2, 20)
    one.hear(other)
    other.hear(one)
    native.joined.clear()  # the bridge forgets what goes with an old place
    native.ports[1] = 11
    one.changed(1)
    one.reconnect()
    assert native.joined == {(20, 11), (11, 20)}


def test_one_that_comes_back_to_the_same_number_is_joined_anew(native: Native) -> None:
    one, other = flowing(native, 1, 10), flowing(native, 2, 20)
    one.hear(other)
    native.joined.clear()
    one.changed(1)
    one.reconnect()
    assert native.joined == {(20, 10)}


def test_without_a_change_nothing_is_joined_twice(native: Native) -> None:
    one, other = flowing(native, 1, 10), flowing(native, 2, 20)
    one.hear(other)
    native.joined.clear()
    one.reconnect()
    assert native.joined == set()


def test_hearing_something_else_parts_what_was_heard_before(native: Native) -> None:
    one, other = flowing(native, 1, 10), flowing(native, 2, 20)
    one.hear(other)
    one.hear(player())
    assert native.joined == {(30, 10)}
    one.hear(None)
    assert native.joined == set()


def test_what_was_heard_at_a_place_that_is_gone_is_not_parted_from_its_next_owner(native: Native) -> None:
    one, other = flowing(native, 1, 10), flowing(native, 2, 20)
    one.hear(other)
    other.changed(2)  # the same number, given out again
    native.joined.add((20, 10))
    one.hear(None)
    assert native.joined == {(20, 10)}


def test_a_leg_that_is_no_longer_heard_takes_nobody_along_when_it_changes(native: Native) -> None:
    one, other = flowing(native, 1, 10), flowing(native, 2, 20)
    one.hear(other)
    one.hear(player())
    native.ports[2] = 21
    other.changed(2)
    other.reconnect()
    assert native.joined == {(30, 10)}


def test_a_join_that_is_refused_is_tried_again_at_the_next_change(
    native: Native, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = flowing(native, 1, 10), flowing(native, 2, 20)
    native.refuses = True
    one.hear(other)
    out = capsys.readouterr()
    assert "audio can't be joined" in out.out + out.err
    native.refuses = False
    one.reconnect()
    assert native.joined == {(20, 10)}


def test_the_end_of_a_leg_parts_it_from_both_sides(native: Native) -> None:
    one, other = flowing(native, 1, 10), flowing(native, 2, 20)
    one.hear(other)
    other.hear(one)
    one.close()
    assert (one.flowing, one.level) == (False, 0)
    native.ports[2] = 21
    other.changed(2)
    native.joined.clear()
    other.reconnect()
    assert native.joined == set()


class Tape:
    """A recording."""

    slot = 40

    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        """Note it."""
        self.closed = True


def test_a_recording_follows_the_leg_and_ends_with_it(native: Native) -> None:
    audio, tape = BridgeAudio("leg 1"), Tape()
    audio.record(cast("Recording", tape))
    assert native.joined == set()
    native.ports[1] = 10
    audio.changed(1)
    audio.reconnect()
    assert native.joined == {(10, 40)}
    native.ports[1] = 11
    audio.changed(1)
    audio.reconnect()
    assert (11, 40) in native.joined
    audio.close()
    assert tape.closed


def test_traffic_is_counted_through_every_stream_of_the_leg(native: Native) -> None:
    audio = flowing(native, 1, 10)
    native.counts[1] = "100 90 1 2 3000 80 5"
    assert audio.traffic == Traffic(100, 90, 1, 2, 0.003, 80, 5)
    audio.stopping(1)
    assert audio.traffic == Traffic(100, 90, 1, 2, 0.003, 80, 5)
    native.counts[1] = "10 9 0 0 1000 88 6"  # the last two are of the whole call
    audio.changed(1)
    assert audio.traffic == Traffic(110, 99, 1, 2, 0.003, 88, 6)
    audio.stopping(1)
    audio.close()
    assert audio.traffic == Traffic(110, 99, 1, 2, 0.003, 88, 6)


def test_a_leg_without_a_stream_counts_nothing(native: Native) -> None:
    audio = BridgeAudio("leg 1")
    audio.stopping(1)
    assert audio.traffic == Traffic()
    assert repr(audio) == "<audio of leg 1>"
    assert native.joined == set()
