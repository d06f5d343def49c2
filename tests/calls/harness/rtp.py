# SPDX-License-Identifier: GPL-3.0-or-later
"""An RTP end with ears: it sends a tone as G.711 u-law and can tell which tone it hears."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import struct
import time
from dataclasses import dataclass, field
from itertools import pairwise
from types import TracebackType
from typing import Final, Self

RATE = 8000
FRAME = 160  # samples of 20 ms
PCMU = 0
EVENT = 101
SILENCE = b"\xff" * FRAME
_CLIP, _BIAS = 32635, 0x84
_SO_TIMESTAMPNS: Final = 35  # Linux, socket(7): the kernel's time of arrival comes with each datagram
_TIMESPEC: Final = struct.Struct("@ll")


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
    """One RTP packet as it arrived.

    ``at`` is when the kernel got it, in seconds since the epoch: how late this process read it does not
    count. ``timestamp`` is the packet's own, in samples.
    """

    at: float
    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    source: int
    payload: bytes


@dataclass
class RtpPeer:
    """Listens on ``address``:``port`` and sends a tone of ``tone`` Hz to whatever `speak_to` says."""

    port: int
    tone: float = 1000.0
    address: str = "127.0.0.1"
    packets: list[Packet] = field(default_factory=list)
    _socket: socket.socket | None = None
    _speaking: asyncio.Task[None] | None = None
    _target: tuple[str, int] | None = None
    _speech: bytes | None = None
    _sequence: int = 0
    _timestamp: int = 0

    async def __aenter__(self) -> Self:
        """Open the port."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(0)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.bind((self.address, self.port))
        asyncio.get_running_loop().add_reader(self._socket, self._readable)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Fall silent and close the port."""
        await self.hush()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    def _readable(self) -> None:
        assert self._socket is not None
        while True:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(2048, socket.CMSG_SPACE(_TIMESPEC.size))
            except BlockingIOError:
                return
            except ConnectionRefusedError:
                continue  # an ICMP answer to what was sent before: the other end has closed its port
            self._take(data, _arrival(ancillary))

    def _take(self, data: bytes, at: float) -> None:
        """Keep an RTP packet; anything else (STUN, RTCP) is passed over."""
        if len(data) <= 12 or data[0] >> 6 != 2:
            return
        first, second, sequence, timestamp, source = struct.unpack_from("!BBHII", data)
        payload = data[12 + 4 * (first & 0x0F) :]
        self.packets.append(
            Packet(at, second & 0x7F, bool(second & 0x80), sequence, timestamp, source, payload)
        )

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

    def say(self, samples: bytes) -> None:
        """Speak these samples (u-law) instead of the tone, from the next packet on, and then silence."""
        self._speech = samples

    @property
    def through(self) -> bool:
        """Whether all that was to be said is said."""
        return self._speech == b""

    async def press(self, digit: int, frames: int = 5, payload_type: int = EVENT) -> None:
        """Send a DTMF digit (0 to 9; 10 is *, 11 #) as RFC 4733 events while the tone goes on."""
        began = self._timestamp
        for number in range(frames + 3):
            over = number >= frames
            length = min(number + 1, frames) * FRAME
            event = struct.pack("!BBH", digit, (0x80 if over else 0) | 10, length)
            self._send(payload_type, event, began, marker=number == 0)
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
        """The longest time without a packet from ``since`` (seconds since the epoch) until now."""
        times = [since, *(packet.at for packet in self.packets if packet.at > since), time.time()]
        return max(later - earlier for earlier, later in pairwise(times))

    async def _speak(self) -> None:
        began, sent = time.monotonic(), 0
        while True:
            self._send(PCMU, self._frame(sent), self._timestamp, marker=sent == 0)
            self._timestamp += FRAME
            sent += 1
            await asyncio.sleep(max(0.0, began + sent * 0.02 - time.monotonic()))

    def _frame(self, sent: int) -> bytes:
        if self._speech is not None:
            frame, self._speech = self._speech[:FRAME], self._speech[FRAME:]
            return frame.ljust(FRAME, SILENCE[:1])
        turn = 2 * math.pi * self.tone / RATE
        return bytes(ulaw(round(8000 * math.sin(turn * (sent * FRAME + n)))) for n in range(FRAME))

    def _send(self, payload_type: int, payload: bytes, timestamp: int, *, marker: bool) -> None:
        if self._socket is None or self._target is None:
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
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            self._socket.sendto(head + payload, self._target)


def _arrival(ancillary: list[tuple[int, int, bytes]]) -> float:
    """The kernel's time of arrival, in seconds since the epoch."""
    ((_, _, stamp),) = ancillary
    seconds, nanoseconds = _TIMESPEC.unpack(stamp)
    return float(seconds + nanoseconds / 1e9)


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
