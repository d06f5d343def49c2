# SPDX-License-Identifier: GPL-3.0-or-later
"""The u-law of ITU-T G.711: 16-bit samples to bytes and back."""

from __future__ import annotations

from array import array
from typing import Final

RATE: Final = 8000
"""Samples a second."""
FRAME: Final = 160
"""Bytes of 20 ms, what one RTP packet carries (RFC 3551 section 4.2)."""

_BIAS: Final = 33  # in units of 14 bits, as the recommendation's table has them
_CLIP: Final = 8158
_SEGMENTS: Final = 8


def _linear(code: int) -> int:
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return 0x84 - magnitude if code & 0x80 else magnitude - 0x84


def _code(sample: int) -> int:
    """The code of a sample of 14 bits."""
    magnitude = min(abs(sample), _CLIP) + _BIAS
    segment = min(magnitude.bit_length() - 6, _SEGMENTS - 1)
    code = segment << 4 | magnitude >> segment + 1 & 0x0F
    return ~(code | (0x80 if sample < 0 else 0)) & 0xFF


_LINEAR: Final = [_linear(code) for code in range(256)]
_CODES: Final = [_code(sample) for sample in (*range(0x2000), *range(-0x2000, 0))]


def decode(codes: bytes) -> array[int]:
    """The 16-bit samples of u-law bytes."""
    return array("h", (_LINEAR[code] for code in codes))


def encode(samples: array[int]) -> bytes:
    """The u-law bytes of 16-bit samples."""
    return bytes(_CODES[sample >> 2 & 0x3FFF] for sample in samples)
