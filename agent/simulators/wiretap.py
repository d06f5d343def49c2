# SPDX-License-Identifier: GPL-3.0-or-later
"""Sees each UDP datagram that passes the loopback interface, with the kernel's own time for it.

A process that reads late still gets the right time: it must not look like a gap in the audio.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from agent.core.errors import AgentError
from agent.simulators.arrival import SPACE, arrived, stamp

_ETHERTYPE_IPV4: Final = 0x0800
_UDP: Final = 17
_TO_US: Final = 0  # PACKET_HOST: on loopback each packet is seen once going out and once coming in
_SOL_PACKET: Final = 263  # packet(7)
_PACKET_STATISTICS: Final = 6
_COUNTS: Final = struct.Struct("@II")  # packets, and those dropped
_PORTS: Final = struct.Struct("!HH")
_UDP_HEADER: Final = 8
_IP_HEADER: Final = 20
_PACKET_BYTES: Final = 16_384
_BUFFER_BYTES: Final = 4_194_304


Place: TypeAlias = tuple[str, int]
"""IPv4 address and UDP port."""


@dataclass(frozen=True, slots=True)
class Datagram:
    """One UDP datagram, from `source` to `target`; `when` is in seconds since the epoch."""

    when: float
    source: Place
    target: Place
    payload: bytes


class Wiretap:
    """Reports the UDP datagrams of the loopback interface. Needs CAP_NET_RAW.

    Attributes:
        missed: packets that came quicker than they were read; known once it is closed. Where it is not 0,
            a gap in what was seen may be one of ours.
    """

    def __init__(self, report: Callable[[Datagram], None]) -> None:
        self.missed = 0
        self._report = report
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """Begin to listen.

        Raises:
            AgentError: this process may not see packets.
        """
        try:
            tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETHERTYPE_IPV4))
        except PermissionError:
            raise AgentError("hearing what the caller hears needs CAP_NET_RAW: run it as root") from None
        tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        stamp(tap)
        tap.bind(("lo", _ETHERTYPE_IPV4))
        tap.settimeout(0)
        self._socket = tap
        asyncio.get_running_loop().add_reader(tap, self.read)

    def close(self) -> None:
        """Listen no more; what has passed until now is still reported."""
        if self._socket is not None:
            self.read()
            counts = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _COUNTS.size)
            self.missed = _COUNTS.unpack(counts)[1]
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def read(self) -> None:
        """Report what has passed until now."""
        while self._socket is not None:
            try:
                packet, ancillary, _, (_, _, kind, *_) = self._socket.recvmsg(_PACKET_BYTES, SPACE)
            except BlockingIOError:
                return
            if kind == _TO_US and (datagram := taken_apart(packet, arrived(ancillary))):
                self._report(datagram)


def taken_apart(packet: bytes, when: float) -> Datagram | None:
    """The UDP datagram in an IPv4 packet (RFC 791, RFC 768), or None where there is none."""
    if len(packet) < _IP_HEADER or packet[9] != _UDP:
        return None
    udp = packet[(packet[0] & 0x0F) * 4 :]
    if len(udp) < _UDP_HEADER:
        return None
    source, target = _PORTS.unpack_from(udp)
    hosts = socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20])
    return Datagram(when, (hosts[0], source), (hosts[1], target), udp[_UDP_HEADER:])
