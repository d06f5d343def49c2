# SPDX-License-Identifier: GPL-3.0-or-later
"""RTP packets taken apart, and what is missing between them."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from agent.simulators.rtp import Packet, longest_gap, missing, read

PACKET = Packet(100.0, 101, True, 65535, 320, 7, b"tone")  # noqa: FBT003 - the marker


def test_each_field_of_a_packet_is_read() -> None:
    data = struct.pack("!BBHII", 0x80, 0x80 | 101, 65535, 320, 7) + b"tone"
    assert read(data, 100.0) == PACKET


def test_contributing_sources_are_no_payload() -> None:
    data = struct.pack("!BBHIIII", 0x82, 0x80 | 101, 65535, 320, 7, 8, 9) + b"tone"
    assert read(data, 100.0) == PACKET


@pytest.mark.parametrize("data", [b"", b"\x80" * 12, b"\x40" + b"\x00" * 20])
def test_what_is_no_packet_is_none(data: bytes) -> None:
    assert read(data, 100.0) is None


@pytest.mark.parametrize(("sequence", "gone"), [(0, 0), (2, 2), (65535, 65535)])
def test_sequence_numbers_go_round(sequence: int, gone: int) -> None:
    assert missing(PACKET, replace(PACKET, sequence=sequence)) == gone


def test_the_longest_gap_is_told_with_its_beginning() -> None:
    assert longest_gap([1.0, 1.5, 3.5, 4.0]) == (2.0, 1.5)
