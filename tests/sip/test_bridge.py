# SPDX-License-Identifier: GPL-3.0-or-later
"""A leg's audio in the conference bridge: who is joined to whom, through every change of its stream."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from agent.sip import bridge, relay, tap
from agent.sip.bridge import BridgeAudio
from agent.sip.players import Player, Recording
from agent.sip.traffic import Traffic


class Native:
    """Stands for pjsua2: which native call has which port, and what is joined."""

    def __init__(self) -> None:
        self.ports: dict[int, int] = {}
        self.counts: dict[int, str] = {}
        self.round_trips: dict[int, int] = {}
        self.qualities: dict[int, str] = {}
        self.joined: set[tuple[int, int]] = set()
        self.refuses = False
        self.relayed: set[int] = set()
        self.unlike = 0
        self.levels: dict[int, int] = {}
        self.laws_differ = False
        self.taps: dict[int, int] = {}

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

    def handoff_relay_join(self, one: int, other: int) -> int:
        """Relay two native calls; 0 when done."""
        if not self.unlike:
            self.relayed = {one, other}
        return self.unlike

    def handoff_relay_part(self, number: int) -> None:
        """No more."""
        if number in self.relayed:
            self.relayed = set()

    def handoff_relay_joined(self, number: int) -> int:
        """Whether it is relayed."""
        return int(number in self.relayed)

    def handoff_relay_passes_events(self, number: int) -> int:
        """Whether digits go across."""
        return int(number in self.relayed)

    def handoff_relay_changes_law(self, number: int) -> int:
        """Whether its codes become the other law's."""
        return int(self.laws_differ and number in self.relayed)

    def handoff_relay_level(self, number: int) -> int:
        """How loud it is; -1 for unknown."""
        return self.levels.get(number, -1)

    def handoff_leg_traffic(self, number: int) -> str:
        """What was counted of its stream."""
        return self.counts.get(number, "")

    def handoff_leg_round_trip(self, number: int) -> int:
        """Microseconds to its far end and back; -1 for unknown."""
        return self.round_trips.get(number, -1)

    def handoff_leg_quality(self, number: int) -> str:
        """What was of no use, the longest gap, the codec."""
        return self.qualities.get(number, "0 -1 PCMU")

    def handoff_tap_on(self, number: int, tap: int) -> int:
        """Copy its packets."""
        self.taps[number] = tap
        return 0

    def handoff_tap_off(self, number: int) -> None:
        """No more."""
        self.taps.pop(number, None)


def player() -> Player:
    """One with a place for ever."""
    return cast("Player", SimpleNamespace(slot=30, generation=0))


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> Native:
    made = Native()
    monkeypatch.setattr(bridge, "pjsua2", made)
    monkeypatch.setattr(relay, "pjsua2", made)
    monkeypatch.setattr(tap, "pjsua2", made)
    return made


def flowing(native: Native, number: int, port: int, *, relays: bool = False) -> BridgeAudio:
    """The audio of a native call, with a stream at this port."""
    audio = BridgeAudio(f"leg {number}", relays=relays)
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
    native.counts[1], native.round_trips[1] = "100 90 1 2 3000 80 5", 40_000
    native.qualities[1] = "2 250000 pcma"
    first = Traffic(100, 90, 1, 2, 0.003, 80, 5, 0.04, "PCMA", 2, 0.25)
    assert audio.traffic == first
    audio.stopping(1)
    assert audio.traffic == first
    native.round_trips = {}
    native.counts[1] = "10 9 0 0 1000 88 6"  # the last two are of the whole call
    native.qualities[1] = "3 300000 G722"  # and so are the first two
    audio.changed(1)
    both = Traffic(110, 99, 1, 2, 0.003, 88, 6, 0.04, "G722", 3, 0.3)
    assert audio.traffic == both
    audio.stopping(1)
    audio.close()
    assert audio.traffic == both


def test_where_no_gap_was_measured_none_is_told(native: Native) -> None:
    audio = flowing(native, 1, 10)
    native.counts[1] = "1 0 0 0 0 1 0"
    assert audio.traffic.longest_gap is None
    audio.stopping(1)
    native.counts[1] = ""  # no stream any more
    audio.changed(1)
    assert (audio.traffic.codec, audio.traffic.longest_gap) == ("PCMU", None)


def test_a_leg_without_a_stream_counts_nothing(native: Native) -> None:
    audio = BridgeAudio("leg 1")
    audio.stopping(1)
    assert audio.traffic == Traffic()
    assert repr(audio) == "<audio of leg 1>"
    assert native.joined == set()


# -- relayed -----------------------------------------------------------------------------------------------


def talking(
    native: Native, *, relays: bool = True
) -> tuple[BridgeAudio, BridgeAudio, list[tuple[bool, str]]]:
    """Two that hear each other, and what the first was told of how."""
    one, other = flowing(native, 1, 10, relays=relays), flowing(native, 2, 20, relays=relays)
    told: list[tuple[bool, str]] = []
    one.carried = lambda relayed, why: told.append((relayed, why))
    one.hear(other)
    assert told == [], "one that hears nobody is not relayed"
    other.hear(one)
    return one, other, told


def test_two_that_hear_each_other_are_relayed(native: Native) -> None:
    one, other, told = talking(native)
    assert (one.relayed, other.relayed, told) == (True, True, [(True, "")])
    assert native.joined == {(10, 20), (20, 10)}, "their places rest, so that they are there when needed"


def test_it_is_said_that_the_law_changes_on_the_way(native: Native) -> None:
    native.laws_differ = True
    *_, told = talking(native)
    assert told == [(True, "µ-law to A-law and back")]


def test_whoever_hears_somebody_else_is_relayed_no_more(native: Native) -> None:
    one, other, _ = talking(native)
    one.hear(player())
    assert (one.relayed, other.relayed) == (False, False)


def test_those_who_can_t_be_relayed_are_mixed_and_it_is_said_why(native: Native) -> None:
    native.unlike = 2
    one, _, told = talking(native)
    assert (one.relayed, told) == (False, [(False, "the legs have different codecs")])


def test_nobody_is_relayed_where_the_node_mixes(native: Native) -> None:
    one, _, told = talking(native, relays=False)
    assert (one.relayed, told) == (False, [(False, "media.mode says so")])


def test_a_new_stream_is_relayed_once_it_is_joined_again(native: Native) -> None:
    one, other, told = talking(native)
    native.handoff_relay_part(1)  # C does, as the old stream goes
    native.unlike = 2
    one.stopping(1)
    native.ports[1] = 11
    one.changed(1)
    one.reconnect()
    assert (one.relayed, told[-1]) == (False, (False, "the legs have different codecs"))
    native.unlike = 0
    other.changed(2)
    other.reconnect()
    assert (one.relayed, told[-1]) == (True, (True, ""))


def test_a_level_that_takes_a_decoder_brings_the_mixer_back_until_the_next_stream(native: Native) -> None:
    one, other, told = talking(native)
    native.levels[1] = 7
    assert (one.level, one.relayed) == (7, True)
    assert (other.level, one.relayed) == (102, False)
    one.reconnect()
    assert told[-1] == (False, "the mixer is needed for more than audio")
    other.changed(2)
    other.reconnect()
    assert one.relayed


def test_a_recording_is_made_by_the_mixer(native: Native) -> None:
    one, _, _ = talking(native)
    one.record(cast("Recording", SimpleNamespace(slot=40, close=lambda: None)))
    assert not one.relayed
    assert (10, 40) in native.joined


def test_a_tap_begins_with_the_stream_and_stays_through_the_next_one(native: Native) -> None:
    audio = BridgeAudio("leg 1")
    audio.tap(7)
    assert native.taps == {}, "there is no audio yet"
    native.ports[1] = 10
    audio.changed(1)
    assert native.taps == {1: 7}
    native.taps.clear()  # as with another transport
    audio.changed(1)
    assert native.taps == {1: 7}


def test_a_tap_of_audio_that_flows_begins_and_ends_at_once(native: Native) -> None:
    audio = flowing(native, 1, 10)
    assert native.taps == {}
    audio.tap(7)
    audio.tap(8)
    assert native.taps == {1: 8}
    audio.tap(0)
    audio.changed(1)
    assert native.taps == {}


def test_a_leg_that_is_gone_is_not_tapped(native: Native) -> None:
    audio = flowing(native, 1, 10)
    audio.close()
    audio.tap(7)
    assert native.taps == {}
