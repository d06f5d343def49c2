# SPDX-License-Identifier: GPL-3.0-or-later
"""HEP3 packets, as Homer reads them (github.com/sipcapture/HEP, "HEP3 Network Protocol Specification"). Pure.

A packet is ``HEP3``, its length in two bytes, and chunks: vendor, type, length of the chunk with this head,
each in two bytes, and the value. All numbers are in network order.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from agent.telemetry.messages import Seen
from agent.telemetry.pcap import Place

MOST: Final = 65_507
"""The longest packet: more does not fit into a datagram over IPv4."""
_HEAD: Final = struct.Struct("!4sH")
_CHUNK: Final = struct.Struct("!HHH")
_GENERIC: Final = 0
_SIP: Final = 1
_PROTOCOLS: Final = {"udp": 17, "tcp": 6, "tls": 6}
_IPV4, _IPV6 = 2, 10  # address families of Linux, which the specification names
_MICRO: Final = 1_000_000

_FAMILY, _PROTOCOL, _SOURCE4, _TARGET4, _SOURCE6, _TARGET6 = 1, 2, 3, 4, 5, 6
_SOURCE_PORT, _TARGET_PORT, _SECONDS, _MICROSECONDS, _KIND, _AGENT = 7, 8, 9, 10, 11, 12
_KEY, _PAYLOAD, _CORRELATION, _NODE_NAME = 14, 15, 17, 19


def packet(seen: Seen, *, agent: int, node: str, key: bytes = b"") -> bytes | None:
    """A SIP message as a packet; None where it is too long for one.

    Args:
        seen: the message.
        agent: capture agent id.
        node: name of this node.
        key: authentication key of the collector, if it wants one.
    """
    source, target = seen.ends
    microseconds = int(seen.record.microseconds)
    chunks = [
        *_addresses(source, target),
        _chunk(_PROTOCOL, _byte(_PROTOCOLS[seen.record.transport])),
        _chunk(_SOURCE_PORT, _short(source[1])),
        _chunk(_TARGET_PORT, _short(target[1])),
        _chunk(_SECONDS, _long(microseconds // _MICRO)),
        _chunk(_MICROSECONDS, _long(microseconds % _MICRO)),
        _chunk(_KIND, _byte(_SIP)),
        _chunk(_AGENT, _long(agent)),
        *([_chunk(_KEY, key)] if key else []),
        _chunk(_CORRELATION, seen.call.call_id.encode()),  # one for all legs of a call
        _chunk(_NODE_NAME, node.encode()),
    ]
    length = _HEAD.size + sum(map(len, chunks)) + _CHUNK.size + len(seen.payload)
    if length > MOST:
        return None
    return b"".join((_HEAD.pack(b"HEP3", length), *chunks, _chunk(_PAYLOAD, seen.payload)))


def _addresses(source: Place, target: Place) -> list[bytes]:
    from_, to = _address(source[0]), _address(target[0])
    if isinstance(from_, IPv4Address) and isinstance(to, IPv4Address):
        kinds = (_IPV4, _SOURCE4, _TARGET4)
    else:
        kinds, from_, to = (_IPV6, _SOURCE6, _TARGET6), _sixth(from_), _sixth(to)
    family, of_source, of_target = kinds
    return [_chunk(_FAMILY, _byte(family)), _chunk(of_source, from_.packed), _chunk(of_target, to.packed)]


@lru_cache(maxsize=1024)
def _address(text: str) -> IPv4Address | IPv6Address:
    return ip_address(text)


def _sixth(address: IPv4Address | IPv6Address) -> IPv6Address:
    """An IPv4 address as IPv6 maps it (RFC 4291 section 2.5.5.2)."""
    return address if isinstance(address, IPv6Address) else IPv6Address(f"::ffff:{address}")


def _chunk(kind: int, value: bytes) -> bytes:
    return _CHUNK.pack(_GENERIC, kind, _CHUNK.size + len(value)) + value


def _byte(value: int) -> bytes:
    return value.to_bytes(1)


def _short(value: int) -> bytes:
    return value.to_bytes(2)


def _long(value: int) -> bytes:
    return value.to_bytes(4)
