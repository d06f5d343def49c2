# SPDX-License-Identifier: GPL-3.0-or-later
"""The ear takes RTP apart: which packets count, what they say, what is missing, how long nothing came."""

from __future__ import annotations

import struct

import pytest

from agent.simulators.ear import Ear

LOUD, SILENT = b"\x00", b"\xff"


def rtp(sequence: int, payload: bytes = LOUD * 160, *, kind: int = 0) -> bytes:
    """An RTP packet (RFC 3550 section 5.1)."""
    return struct.pack("!BBHII", 0x80, kind, sequence, 0, 1) + payload


def hears(*packets: bytes) -> Ear:
    ear = Ear()
    for number, packet in enumerate(packets):
        ear.take(packet, 100 + number * 0.02)
    return ear


def test_what_was_said_is_heard() -> None:
    ear = hears(*(rtp(number) for number in range(50)))
    assert (len(ear.frames), ear.lost, ear.heard().audible_seconds) == (50, 0, 1.0)


def test_silence_is_no_sound() -> None:
    heard = hears(*(rtp(number, SILENT * 160) for number in range(50))).heard()
    assert (heard.seconds, heard.audible_seconds) == (1.0, 0.0)


def test_sequence_numbers_that_never_came_are_lost() -> None:
    ear = hears(rtp(65534), rtp(65535), rtp(2))
    assert (len(ear.frames), ear.lost) == (3, 2)


def test_a_new_stream_is_no_loss() -> None:
    assert hears(rtp(10), rtp(40_000)).lost == 0


@pytest.mark.parametrize(
    "packet",
    [rtp(1, b""), rtp(1, kind=101), rtp(1, kind=0x80 | 72), b"ping", b"\x40" + rtp(1)[1:]],
    ids=["empty", "event", "rtcp", "short", "version"],
)
def test_what_is_no_speech_is_passed_over(packet: bytes) -> None:
    assert hears(packet).frames == []


def test_the_marker_bit_changes_nothing() -> None:
    assert len(hears(rtp(1, kind=0x80)).frames) == 1


def test_the_longest_gap_lies_between_two_packets() -> None:
    ear = Ear()
    for number, when in enumerate((100.00, 100.02, 100.09, 100.11)):
        ear.take(rtp(number), when)
    assert ear.longest_gap(99.99, 100.12) == pytest.approx(0.07)


@pytest.mark.parametrize(
    ("began", "ended", "gap"), [(99.9, 100.12, 0.1), (99.99, 100.2, 0.1), (0.0, 1.0, 1.0)]
)
def test_before_the_first_packet_and_after_the_last_is_a_gap_too(
    began: float, ended: float, gap: float
) -> None:
    ear = Ear()
    for number in range(6):
        ear.take(rtp(number), 100 + number * 0.02)
    assert ear.longest_gap(began, ended) == pytest.approx(gap)
