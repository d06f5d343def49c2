# SPDX-License-Identifier: GPL-3.0-or-later
"""The ear takes RTP apart: which packets count, what they say, what is missing."""

from __future__ import annotations

import struct

import pytest

from agent.simulators.ear import _LINEAR, Ear

PORT = 6000
LOUD, SILENT = b"\x00", b"\xff"


def datagram(sequence: int, payload: bytes = LOUD * 160, *, port: int = PORT, kind: int = 0) -> bytes:
    """A UDP header and an RTP packet behind it (RFC 768, RFC 3550 section 5.1)."""
    rtp = struct.pack("!BBHII", 0x80, kind, sequence, 0, 1) + payload
    return struct.pack("!HHHH", 4000, port, 8 + len(rtp), 0) + rtp


async def hears(*packets: bytes) -> Ear:
    ear = Ear(6000, 6010)
    for packet in packets:
        ear._datagram(packet)
    return ear


@pytest.mark.parametrize(
    ("code", "sample"),
    [
        (0xFF, 0),
        (0x7F, 0),
        (0xFE, 8),
        (0x7E, -8),
        (0xEF, 132),
        (0x8F, 16764),
        (0x80, 32124),
        (0x00, -32124),
    ],
)
def test_u_law_is_decoded_as_the_table_of_g_711_has_it(code: int, sample: int) -> None:
    assert _LINEAR[code] == sample


def test_the_louder_the_code_the_louder_the_sample() -> None:
    assert [_LINEAR[code] for code in range(0xFF, 0x7F, -1)] == sorted(set(_LINEAR[0x80:]))
    assert [_LINEAR[code] for code in range(128)] == [-_LINEAR[code] for code in range(128, 256)]


async def test_what_was_said_is_heard() -> None:
    ear = await hears(*(datagram(number) for number in range(50)))
    assert (ear.packets, ear.lost, ear.heard().audible_seconds) == (50, 0, 1.0)


async def test_silence_is_no_sound() -> None:
    ear = await hears(*(datagram(number, SILENT * 160) for number in range(50)))
    assert (ear.packets, ear.heard().seconds, ear.heard().audible_seconds) == (50, 1.0, 0.0)


async def test_sequence_numbers_that_never_came_are_lost() -> None:
    ear = await hears(datagram(65534), datagram(65535), datagram(2))
    assert (ear.packets, ear.lost) == (3, 2)


async def test_a_new_stream_is_no_loss() -> None:
    ear = await hears(datagram(10), datagram(40_000))
    assert ear.lost == 0


@pytest.mark.parametrize(
    "packet",
    [
        datagram(1, port=5999),
        datagram(1, port=6011),
        datagram(1, b""),
        datagram(1, kind=101),
        datagram(1, kind=0x80 | 72),
        b"\x0f\xa0\x17\x70\x00\x0c\x00\x00ping",
        datagram(1)[:8] + b"\x40" + datagram(1)[9:],
    ],
    ids=["below", "above", "empty", "event", "rtcp", "short", "version"],
)
async def test_what_is_no_speech_to_us_is_passed_over(packet: bytes) -> None:
    assert (await hears(packet)).packets == 0


async def test_the_marker_bit_changes_nothing() -> None:
    assert (await hears(datagram(1, kind=0x80))).packets == 1
