# SPDX-License-Identifier: GPL-3.0-or-later
"""Datagrams as a pcap file, which Wireshark, tshark and sngrep read. Pure: bytes in, bytes out.

Each datagram is a UDP packet in a raw IP packet (link type 101), whatever carried it: a SIP message that came
by TCP or TLS stands in the file as a datagram of its own, whole and in clear. A file is `HEADER`, then one
`packet` after the other, so it may be written as the packets come, cut after any of them, and appended to.

Format: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html; RFC 791, RFC 8200, RFC 768.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple, TypeAlias

from agent.core.units import unmapped

Place: TypeAlias = tuple[str, int]
"""IP address, which may be IPv6 in brackets or with a zone, and port."""

_RAW_IP: Final = 101  # LINKTYPE_RAW: IPv4 or IPv6, as the first four bits say
_LONGEST: Final = 262_144
_MOST: Final = 65_507 - 20  # what fits into one datagram of either family
_MICRO: Final = 1_000_000
_UDP: Final = 17
_HOPS: Final = 64
_DONT_FRAGMENT: Final = 0x4000
_V4: Final = 4

HEADER: Final = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _LONGEST, _RAW_IP)
"""How a file begins: little-endian, times in microseconds."""
_RECORD: Final = struct.Struct("<IIII")
_IPV4: Final = struct.Struct("!BBHHHBBH4s4s")
_IPV6: Final = struct.Struct("!IHBB16s16s")
_UDP_HEADER: Final = struct.Struct("!HHHH")
_NOWHERE: Final = IPv4Address(0)


class Datagram(NamedTuple):
    """One datagram.

    Attributes:
        microseconds: when it was seen, since the epoch.
        source: who sent it.
        target: to whom.
        payload: what it says; of more than a datagram can carry only the beginning is kept.
    """

    microseconds: int
    source: Place
    target: Place
    payload: bytes


def pcap(datagrams: Iterable[Datagram]) -> bytes:
    """A whole file of these, in the order in which they are given."""
    return b"".join((HEADER, *map(packet, datagrams)))


def packet(datagram: Datagram) -> bytes:
    """One datagram as it stands in a file; an address that is none becomes 0.0.0.0."""
    microseconds, source, target, payload = datagram
    said = payload[:_MOST]
    heads = _heads_v4(source, target, _UDP_HEADER.size + len(said)) or _heads_v6(source, target, said)
    kept = len(heads) + len(said)
    seconds, rest = divmod(microseconds, _MICRO)
    return b"".join((_RECORD.pack(seconds, rest, kept, kept + len(payload) - len(said)), heads, said))


@lru_cache(maxsize=1024)
def _heads_v4(source: Place, target: Place, length: int) -> bytes | None:
    """Of IP and UDP: packets of RTP of one stream have the same. None where it takes IPv6."""
    from_, to = _address(source[0]), _address(target[0])
    if from_.version != _V4 or to.version != _V4:
        return None
    # The checksum of UDP may be left out over IPv4 (RFC 768).
    return _ipv4(length, from_.packed, to.packed) + _UDP_HEADER.pack(source[1], target[1], length, 0)


def _heads_v6(source: Place, target: Place, said: bytes) -> bytes:
    from_, to = _sixth(_address(source[0])).packed, _sixth(_address(target[0])).packed
    length = _UDP_HEADER.size + len(said)
    udp = _UDP_HEADER.pack(source[1], target[1], length, 0)
    pseudo = from_ + to + struct.pack("!II", length, _UDP)
    checksum = _sum(pseudo + udp + said) or 0xFFFF  # 0 would mean: none (RFC 8200 section 8.1)
    udp = _UDP_HEADER.pack(source[1], target[1], length, checksum)
    return _IPV6.pack(6 << 28, length, _UDP, _HOPS, from_, to) + udp


@lru_cache(maxsize=1024)
def _address(text: str) -> IPv4Address | IPv6Address:
    try:
        return unmapped(ip_address(text.strip("[]").partition("%")[0]))
    except ValueError:
        return _NOWHERE


def _sixth(address: IPv4Address | IPv6Address) -> IPv6Address:
    if isinstance(address, IPv6Address):
        return address
    return IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed)


def _ipv4(length: int, source: bytes, target: bytes) -> bytes:
    fields = (0x45, 0, _IPV4.size + length, 0, _DONT_FRAGMENT, _HOPS, _UDP)
    checksum = _sum(_IPV4.pack(*fields, 0, source, target))
    return _IPV4.pack(*fields, checksum, source, target)


def _sum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
