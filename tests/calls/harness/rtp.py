# SPDX-License-Identifier: GPL-3.0-or-later
"""An RTP end with ears: it sends a tone as G.711 u-law and can tell which tone it hears."""

from __future__ import annotations

import asyncio
import math
import struct
import time
from dataclasses import dataclass, field
from itertools import pairwise
from types import TracebackType
from typing import Self

RATE = 8000
FRAME = 160  # samples of 20 ms
PCMU = 0
EVENT = 101
_CLIP, _BIAS = 32635, 0x84


def ulaw(sample: int) -> int:
    """One linear 16-bit sample as G.711 u-law."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _CLIP) + _BIAS
    exponent = magnitude.bit_length() - 8
    return ~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0F)) & 0xFF


def linear(code: int) -> int:
    """One u-law byte as a linear sample."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + _BIAS << ((code & 0x70) >> 4)) - _BIAS
    return -magnitude if code & 0x80 else magnitude


_LINEAR = tuple(linear(code) for code in range(256))


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet as it arrived; ``at`` is monotonic seconds."""

    at: float
    payload_type: int
    marker: bool
    sequence: int
    source: int
    payload: bytes


@dataclass
class RtpPeer(asyncio.DatagramProtocol):
    """Listens on ``address``:``port`` and sends a tone of ``tone`` Hz to whatever `speak_to` says."""

    port: int
    tone: float = 1000.0
    address: str = "127.0.0.1"
    packets: list[Packet] = field(default_factory=list)
    _transport: asyncio.DatagramTransport | None = None
    _speaking: asyncio.Task[None] | None = None
    _target: tuple[str, int] | None = None
    _sequence: int = 0
    _timestamp: int = 0

    async def __aenter__(self) -> Self:
        """Open the port."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(self.address, self.port)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Fall silent and close the port."""
        await self.hush()
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        """Keep an RTP packet; anything else (STUN, RTCP) is passed over."""
        _ = addr
        if len(data) > 12 and data[0] >> 6 == 2:
            first, second, sequence = data[0], data[1], int.from_bytes(data[2:4])
            skip = 12 + 4 * (first & 0x0F)
            source = int.from_bytes(data[8:12])
            packet = Packet(
                time.monotonic(), second & 0x7F, bool(second & 0x80), sequence, source, data[skip:]
            )
            self.packets.append(packet)

    def speak_to(self, port: int, address: str = "127.0.0.1") -> None:
        """Send the tone there, 50 packets a second, until `hush`."""
        self._target = (address, port)
        if self._speaking is None:
            self._speaking = asyncio.get_running_loop().create_task(self._speak())

    async def hush(self) -> None:
        """Send nothing more."""
        if self._speaking is not None:
            self._speaking.cancel()
            await asyncio.gather(self._speaking, return_exceptions=True)
            self._speaking = None

    async def press(self, digit: int, frames: int = 5) -> None:
        """Send a DTMF digit (0 to 9; 10 is *, 11 #) as RFC 4733 events while the tone goes on."""
        began = self._timestamp
        for number in range(frames + 3):
            over = number >= frames
            length = min(number + 1, frames) * FRAME
            event = struct.pack("!BBH", digit, (0x80 if over else 0) | 10, length)
            self._send(EVENT, event, began, marker=number == 0)
            await asyncio.sleep(0.02)

    def hears(self, tone: float, packets: int = 25) -> bool:
        """Whether that tone dominates most of the last ``packets`` packets of audio, and there are that many.

        Each packet is judged by itself: a lost or late one shifts the phase of all that follow.
        """
        latest = [packet.payload for packet in self.packets if packet.payload_type == PCMU][-packets:]
        return len(latest) == packets and sum(_holds(payload, tone) for payload in latest) > 0.8 * packets

    def silent(self, packets: int = 25) -> bool:
        """Whether the last packets hold next to no sound."""
        latest = [packet.payload for packet in self.packets if packet.payload_type == PCMU][-packets:]
        samples = [_LINEAR[code] for payload in latest for code in payload]
        return all(abs(sample) < 50 for sample in samples)

    def longest_gap(self, since: float) -> float:
        """The longest time without a packet from ``since`` (monotonic seconds) until now."""
        times = [since, *(packet.at for packet in self.packets if packet.at > since), time.monotonic()]
        return max(later - earlier for earlier, later in pairwise(times))

    async def _speak(self) -> None:
        began, sent = time.monotonic(), 0
        while True:
            start = sent * FRAME
            tone = bytes(
                ulaw(round(8000 * math.sin(2 * math.pi * self.tone * (start + n) / RATE)))
                for n in range(FRAME)
            )
            self._send(PCMU, tone, self._timestamp, marker=sent == 0)
            self._timestamp += FRAME
            sent += 1
            await asyncio.sleep(max(0.0, began + sent * 0.02 - time.monotonic()))

    def _send(self, payload_type: int, payload: bytes, timestamp: int, *, marker: bool) -> None:
        if self._transport is None or self._target is None:
            return
        head = struct.pack(
            "!BBHII",
            0x80,
            payload_type | (0x80 if marker else 0),
            self._sequence & 0xFFFF,
            timestamp & 0xFFFFFFFF,
            self.port,
        )
        self._sequence += 1
        self._transport.sendto(head + payload, self._target)


def _holds(payload: bytes, tone: float) -> bool:
    samples = [_LINEAR[code] for code in payload]
    energy = sum(sample * sample for sample in samples)
    return energy > 0 and 2 * _power(samples, tone) / (energy * len(samples)) > 0.5


def _power(samples: list[int], tone: float) -> float:
    """Goertzel: the squared magnitude of one frequency."""
    coefficient = 2 * math.cos(2 * math.pi * tone / RATE)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + coefficient * last - before
    return before * before + last * last - coefficient * before * last
