# SPDX-License-Identifier: GPL-3.0-or-later
"""What was missing between RTP packets: the times without one, and holes in their own numbering."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from agent.simulators.g711 import FRAME, RATE
from agent.simulators.rtp import PCMU, Packet, longest_gap, missing
from tests.calls.harness.rtp import loudest

_SOUND = 8  # the comfort audio's noise floor is an order above this


@dataclass(frozen=True, slots=True)
class Continuity:
    """How a stream went. Times in seconds.

    Attributes:
        packets: how many packets of audio there were.
        longest: the longest time without one.
        when: how long after the first packet that began.
        lost: packets that are missing by their sequence numbers.
        leap: the most by which a timestamp ran ahead of the packets sent: audio that was never made.
        mute: the longest run of packets with no sound whatever in them, after the first sound.
    """

    packets: int
    longest: float
    when: float
    lost: int
    leap: float
    mute: float

    def __str__(self) -> str:
        """One line for a failed assertion."""
        return (
            f"{self.packets} packets, longest gap {self.longest * 1000:.0f} ms at {self.when:.2f} s, "
            f"{self.lost} lost, timestamps {self.leap * 1000:.0f} ms ahead, {self.mute * 1000:.0f} ms mute"
        )


def continuity(packets: Sequence[Packet], until: float) -> Continuity:
    """Measure the audio from the first packet to ``until`` (seconds since the epoch).

    Raises:
        AssertionError: there was none, or it came from more than one source: two streams can't be judged
            as one.
    """
    heard = [packet for packet in packets if packet.payload_type == PCMU and packet.at <= until]
    assert heard, "no audio at all"
    assert len({packet.source for packet in heard}) == 1, "more than one stream"
    longest, begun = longest_gap([*(packet.at for packet in heard), until])
    lost, leap = 0, 0
    for before, after in pairwise(heard):
        gone = missing(before, after)
        lost += gone
        leap = max(leap, ((after.timestamp - before.timestamp) & 0xFFFFFFFF) - (gone + 1) * FRAME)
    return Continuity(len(heard), longest, begun - heard[0].at, lost, leap / RATE, _mute(heard))


def _mute(heard: Sequence[Packet]) -> float:
    sounds = [loudest(packet.payload) > _SOUND for packet in heard]
    assert any(sounds), "not one sound"
    runs = [len(list(run)) for sound, run in groupby(sounds[sounds.index(True) :]) if not sound]
    return max(runs, default=0) * FRAME / RATE
