# SPDX-License-Identifier: GPL-3.0-or-later
"""Hears what is sent to one party, from the RTP packets themselves (RFC 3550; G.711 u-law).

The caller's side of a rehearsal is SIPp, which plays audio but does not keep what it gets.
"""

from __future__ import annotations

import struct
from itertools import chain, pairwise
from typing import Final

from agent.simulators.g711 import RATE, decode
from agent.simulators.hearing import Heard, measure

_HEADER: Final = 12
_VERSION: Final = 2
_NEW_STREAM: Final = 1000  # more missing numbers than this: another stream, no loss


class Ear:
    """Collects RTP packets.

    Attributes:
        frames: when each packet came, in seconds since the epoch, and the u-law bytes in it.
        lost: sequence numbers that never came.
    """

    def __init__(self) -> None:
        self.frames: list[tuple[float, bytes]] = []
        self.lost = 0
        self._last: int | None = None

    def take(self, rtp: bytes, when: float) -> None:
        """A packet came; one that is no PCMU (RTCP, telephone-event) is passed over."""
        if len(rtp) <= _HEADER or rtp[0] >> 6 != _VERSION or rtp[1] & 0x7F != 0:
            return
        number = struct.unpack_from("!H", rtp, 2)[0]
        if self._last is not None:
            missing = (number - self._last - 1) & 0xFFFF
            self.lost += missing if missing < _NEW_STREAM else 0
        self._last = number
        self.frames.append((when, rtp[_HEADER:]))

    def heard(self) -> Heard:
        """How loud it was."""
        return measure(decode(b"".join(codes for _, codes in self.frames)), RATE)

    def longest_gap(self, began: float, ended: float) -> float:
        """The longest time without a packet between two moments, those two included, in seconds."""
        heard = (when for when, _ in self.frames if began < when < ended)
        return max(after - before for before, after in pairwise(chain([began], heard, [ended])))
