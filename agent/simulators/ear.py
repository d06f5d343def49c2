# SPDX-License-Identifier: GPL-3.0-or-later
"""Hears what is sent to a UDP port on loopback, from the packets themselves (RTP, RFC 3550; G.711 u-law).

The caller's side of a rehearsal is SIPp, which plays audio but does not keep what it gets.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from array import array
from dataclasses import dataclass, field

from agent.core.errors import AgentError
from agent.simulators.hearing import Heard, measure

_ETHERTYPE_IPV4 = 0x0800
_UDP = 17
_TO_US = 0  # PACKET_HOST: on loopback each packet is seen once going out and once coming in
_PACKET_BYTES = 2048
_BUFFER_BYTES = 4_194_304
_RTP_HEADER = 12
_RATE = 8000


def _linear(code: int) -> int:
    """One u-law byte as a 16-bit sample (ITU-T G.711)."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return 0x84 - magnitude if code & 0x80 else magnitude - 0x84


_LINEAR = [_linear(code) for code in range(256)]


@dataclass(slots=True)
class Ear:
    """Collects the RTP towards the UDP ports `low` to `high`. Needs CAP_NET_RAW.

    Attributes:
        packets: RTP packets heard.
        lost: sequence numbers that never came.
        longest_gap: longest time between two packets, in seconds.
    """

    low: int
    high: int
    packets: int = 0
    lost: int = 0
    longest_gap: float = 0.0
    _samples: array[int] = field(default_factory=lambda: array("h"))
    _last: tuple[int, float] | None = None
    _socket: socket.socket | None = None

    def open(self) -> None:
        """Begin to listen.

        Raises:
            AgentError: this process may not see packets.
        """
        try:
            heard = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETHERTYPE_IPV4))
        except PermissionError:
            raise AgentError(
                "hearing what the caller hears needs the right to see packets: run as root"
            ) from None
        heard.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        heard.bind(("lo", _ETHERTYPE_IPV4))
        heard.settimeout(0)
        self._socket = heard
        asyncio.get_running_loop().add_reader(heard, self._read)

    def close(self) -> None:
        """Listen no more."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    def heard(self) -> Heard:
        """How loud it was."""
        return measure(self._samples, _RATE)

    def _read(self) -> None:
        while self._socket is not None:
            try:
                packet, (_, _, kind, *_) = self._socket.recvfrom(_PACKET_BYTES)
            except BlockingIOError:
                return
            if kind == _TO_US and packet[9] == _UDP:
                self._datagram(packet[(packet[0] & 0x0F) * 4 :])

    def _datagram(self, datagram: bytes) -> None:
        port = struct.unpack_from("!H", datagram, 2)[0]
        rtp = datagram[8:]
        if not self.low <= port <= self.high or len(rtp) <= _RTP_HEADER or rtp[0] >> 6 != 2:  # noqa: PLR2004 - RTP's version
            return
        if rtp[1] & 0x7F != 0:
            return  # only PCMU: no RTCP, no telephone-event
        now = asyncio.get_running_loop().time()
        number = struct.unpack_from("!H", rtp, 2)[0]
        if self._last is not None:
            missing = (number - self._last[0] - 1) & 0xFFFF
            self.lost += missing if missing < 1000 else 0  # noqa: PLR2004 - more is a new stream, no loss
            self.longest_gap = max(self.longest_gap, now - self._last[1])
        self._last = (number, now)
        self.packets += 1
        self._samples.extend(_LINEAR[code] for code in rtp[_RTP_HEADER:])
