# SPDX-License-Identifier: GPL-3.0-or-later
"""Hears what is sent to one party, from the RTP packets themselves (RFC 3550; G.711 u-law).

The caller's side of a rehearsal is SIPp, which plays audio but does not keep what it gets.
"""

from __future__ import annotations

from typing import Final

from agent.simulators.g711 import RATE, decode
from agent.simulators.hearing import Heard, measure
from agent.simulators.rtp import PCMU, Packet, longest_gap, missing, read

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
        self._last: Packet | None = None

    def take(self, rtp: bytes, when: float) -> None:
        """A packet came; anything but PCMU (RTCP, telephone-event) is ignored."""
        packet = read(rtp, when)
        if packet is None or packet.payload_type != PCMU:
            return
        if self._last is not None:
            gone = missing(self._last, packet)
            self.lost += gone if gone < _NEW_STREAM else 0
        self._last = packet
        self.frames.append((when, packet.payload))

    def heard(self) -> Heard:
        """How loud it was."""
        return measure(decode(b"".join(codes for _, codes in self.frames)), RATE)

    def longest_gap(self, began: float, ended: float) -> float:
        """The longest time without a packet between two moments, those two included, in seconds."""
        heard = (when for when, _ in self.frames if began < when < ended)
        return longest_gap([began, *heard, ended])[0]
