# SPDX-License-Identifier: GPL-3.0-or-later
"""RTP and RTCP packets (RFC 3550) with right heads and wrong insides, or wrong altogether."""

from __future__ import annotations

from random import Random

_TYPES = (0, 8, 9, 13, 96, 101, 127)
_RTCP_FIRST, _RTCP_LAST = 192, 210


def packet(rng: Random) -> bytes:
    """Any one."""
    return rng.choice((_rtp, _rtp, _event, _rtcp, _rtcp, _noise))(rng)


def is_rtcp(data: bytes) -> bool:
    """Whether it would go to the RTCP port."""
    return len(data) > 1 and _RTCP_FIRST <= data[1] <= _RTCP_LAST


def _head(rng: Random, kind: int) -> bytes:
    first = 0x80 | rng.choice((0, 0, 0, 0x10, 0x20, rng.randrange(0x40)))  # extension, padding, sources
    rest = rng.randrange(1 << 16).to_bytes(2, "big") + rng.randrange(1 << 32).to_bytes(4, "big")
    return bytes([first, kind | rng.choice((0, 0, 0x80))]) + rest + rng.choice((b"fuzz", rng.randbytes(4)))


def _rtp(rng: Random) -> bytes:
    return _head(rng, rng.choice(_TYPES)) + rng.randbytes(rng.choice((0, 1, 3, 20, 80, 160, 320, 1400, 9000)))


def _event(rng: Random) -> bytes:
    return _head(rng, 101) + rng.randbytes(rng.choice((0, 1, 3, 4, 5, 400)))


def _rtcp(rng: Random) -> bytes:
    parts = b""
    for _ in range(rng.choice((1, 1, 2, 5))):
        body = rng.randbytes(4 * rng.choice((0, 1, 2, 6, 12, 60)))
        length = rng.choice((len(body) // 4, len(body) // 4, rng.randrange(1 << 16)))
        parts += bytes([0x80 | rng.randrange(0x40), rng.randrange(_RTCP_FIRST, _RTCP_LAST)])
        parts += length.to_bytes(2, "big") + body
    return parts[: len(parts) - rng.choice((0, 0, 0, 1, 3))]


def _noise(rng: Random) -> bytes:
    return rng.randbytes(rng.choice((0, 1, 2, 7, 11, 13, 200)))
