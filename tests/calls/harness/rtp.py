# SPDX-License-Identifier: GPL-3.0-or-later
"""An RTP end with ears: it sends a tone as G.711 u-law and can tell which tone it hears."""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import struct
import time
from array import array
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from agent.simulators.arrival import SPACE, arrived, stamp
from agent.simulators.g711 import FRAME, RATE, decode, encode
from agent.simulators.rtp import PCMU, Packet, longest_gap, read
from agent.simulators.voices import share_at

EVENT = 101
SILENCE = b"\xff" * FRAME
VOICE = 300
"""The largest sample of a frame that holds voice is above this."""
_LOUD = 8000
_LOUDER_THAN_COMFORT = 5000  # whose beep comes up to 3277


def loudest(codes: bytes) -> int:
    """The largest sample of u-law bytes, whatever its sign."""
    return max(map(abs, decode(codes)), default=0)


@dataclass
class RtpPeer:
    """Listens on ``address``:``port`` and sends a tone of ``tone`` Hz to whatever `speak_to` says.

    Attributes:
        payload_type: what it calls its audio, whose codes are u-law's all the same.
        packets: what has come.
        spoken: when each frame with voice of what it was to `say` left, seconds since the epoch.
    """

    port: int
    tone: float = 1000.0
    address: str = "127.0.0.1"
    payload_type: int = PCMU
    packets: list[Packet] = field(default_factory=list)
    spoken: list[float] = field(default_factory=list)
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
        stamp(self._socket)
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

    def catch_up(self) -> None:
        """Read what has come while something else held the loop: what comes from now on is later."""
        self._readable()

    def _readable(self) -> None:
        assert self._socket is not None
        while True:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(2048, SPACE)
            except BlockingIOError:
                return
            except ConnectionRefusedError:
                continue  # an ICMP answer to what was sent before: the other end has closed its port
            if (packet := read(data, arrived(ancillary))) is not None:
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

    def send(self, ahead: int, payload: bytes, payload_type: int = PCMU) -> None:
        """Send one packet by hand, numbered that far ahead of the next one; `go_on` moves what is next."""
        kept, self._sequence = self._sequence, self._sequence + ahead
        self._send(payload_type, payload, self._timestamp + ahead * FRAME, marker=False)
        self._sequence = kept

    def go_on(self, packets: int) -> None:
        """The next packet has a number that much higher."""
        self._sequence += packets
        self._timestamp += packets * FRAME

    def hears(self, tone: float, packets: int = 25, until: float = math.inf) -> bool:
        """Whether that tone dominates most of the last ``packets`` packets of audio, and there are that many.

        Each packet is judged by itself: a lost or late one shifts the phase of all that follow. Those that
        came after ``until`` (seconds since the epoch) do not count.
        """
        latest = self._latest(packets, until)
        holds = sum(share_at(decode(payload), tone) > 0.5 for payload in latest)
        return len(latest) == packets and holds > 0.8 * packets

    def hears_a_peer(self, packets: int) -> bool:
        """Whether any of the last packets is as loud as one of us; comfort audio is not."""
        return any(loudest(payload) > _LOUDER_THAN_COMFORT for payload in self._latest(packets))

    def silent(self, packets: int = 25) -> bool:
        """Whether the last packets hold next to no sound."""
        return all(loudest(payload) < 50 for payload in self._latest(packets))

    def longest_gap(self, since: float) -> float:
        """The longest time without a packet from ``since`` (seconds since the epoch) until now."""
        heard = (packet.at for packet in self.packets if packet.at > since)
        return longest_gap([since, *heard, time.time()])[0]

    def _latest(self, packets: int, until: float = math.inf) -> list[bytes]:
        audio = (one for one in self.packets if one.payload_type == PCMU and one.at <= until)
        return [one.payload for one in audio][-packets:]

    async def _speak(self) -> None:
        began, sent = time.monotonic(), 0
        while True:
            self._send(self.payload_type, self._frame(sent), self._timestamp, marker=sent == 0)
            self._timestamp += FRAME
            sent += 1
            await asyncio.sleep(max(0.0, began + sent * 0.02 - time.monotonic()))

    def _frame(self, sent: int) -> bytes:
        if self._speech is not None:
            frame, self._speech = self._speech[:FRAME], self._speech[FRAME:]
            if loudest(frame) > VOICE:
                self.spoken.append(time.time())
            return frame.ljust(FRAME, SILENCE[:1])
        turn = 2 * math.pi * self.tone / RATE
        first = sent * FRAME
        return encode(array("h", (round(_LOUD * math.sin(turn * n)) for n in range(first, first + FRAME))))

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
