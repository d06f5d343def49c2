# SPDX-License-Identifier: GPL-3.0-or-later
"""What is heard in the measured call: loss by sequence numbers, gaps by times of arrival."""

from __future__ import annotations

import struct

from agent.load.listener import Heard


def packet(number: int, source: int = 7) -> bytes:
    return struct.pack("!BBHII", 0x80, 0, number % 65536, 0, source) + bytes(160)


def heard(*arrivals: tuple[int, float], source: int = 7) -> Heard:
    found = Heard()
    for number, at in arrivals:
        found.take(packet(number, source), at)
    return found


def test_a_hole_in_the_numbers_is_loss_and_a_pause_is_a_gap() -> None:
    found = heard((1, 0.0), (2, 0.02), (5, 0.08), (6, 0.10))
    assert (found.received, found.expected, found.lost) == (4, 6, 2)
    assert round(found.longest, 3) == 0.06


def test_what_comes_out_of_turn_or_twice_is_not_lost_and_not_two() -> None:
    found = heard((1, 0.0), (3, 0.02), (2, 0.03), (3, 0.04))
    assert (found.received, found.expected) == (3, 3)


def test_numbers_begin_again_after_65535() -> None:
    found = heard((65534, 0.0), (65535, 0.02), (0, 0.04), (2, 0.06))
    assert (found.received, found.expected, found.lost) == (4, 5, 1)


def test_a_new_source_is_counted_anew() -> None:
    found = heard((10, 0.0), (11, 0.02))
    found.take(packet(500, source=8), 0.04)
    found.take(packet(502, source=8), 0.06)
    assert (found.received, found.expected) == (4, 5)


def test_a_gap_is_told_once_to_who_asks_and_kept_for_the_end() -> None:
    found = heard((1, 0.0), (2, 0.3))
    assert (found.asked(), found.asked(), found.longest) == (0.3, 0.0, 0.3)


def test_what_is_no_rtp_is_passed_over() -> None:
    found = Heard()
    found.take(b"rubbish", 0.0)
    found.take(bytes(200), 0.1)
    assert (found.received, found.expected) == (0, 0)
