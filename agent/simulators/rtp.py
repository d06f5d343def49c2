# SPDX-License-Identifier: GPL-3.0-or-later
"""RTP packets as they arrive (RFC 3550), and what is missing between them."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

PCMU: Final = 0
"""Payload type of G.711 u-law (RFC 3551 table 4)."""
_HEADER: Final = struct.Struct("!BBHII")
_VERSION: Final = 2


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet.

    Attributes:
        at: when it arrived, in seconds since the epoch.
        timestamp: its own time, in samples.
        source: its SSRC.
    """

    at: float
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    source: int
    payload: bytes


def read(data: bytes, at: float) -> Packet | None:
    """The RTP packet in a datagram; None where there is none, or one that carries nothing."""
    if len(data) <= _HEADER.size or data[0] >> 6 != _VERSION:
        return None
    first, second, sequence, timestamp, source = _HEADER.unpack_from(data)
    payload = data[_HEADER.size + 4 * (first & 0x0F) :]
    return Packet(at, second & 0x7F, bool(second & 0x80), sequence, timestamp, source, payload)


def missing(before: Packet, after: Packet) -> int:
    """How many packets should have come between two that came one after the other."""
    return (after.sequence - before.sequence - 1) & 0xFFFF


def longest_gap(times: Iterable[float]) -> tuple[float, float]:
    """The longest time between two neighbours, and when it began, both in seconds.

    Args:
        times: when packets came, with the moments from which and until which it is measured.
    """
    return max((after - before, before) for before, after in pairwise(times))
