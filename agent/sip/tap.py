# SPDX-License-Identifier: GPL-3.0-or-later
"""RTP and RTCP of chosen legs, copied in C as their streams see them; see ``deploy/pjsua2/tap.c``.

`Leg.tap` switches it on for a leg. Whoever has done so takes the packets often (each 100 ms is plenty): there
is room for a second of 100 legs, and what comes when that is full is dropped and counted. Switched on before
a leg has audio, it begins with that, but for a packet that was sent in the same moment.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_ntop
from typing import Final, NamedTuple

import pjsua2

_HEAD: Final = struct.Struct("=QIHBx36s")
_ENDS: Final = struct.Struct("=16sH16sH")
_SENT, _RTCP, _IPV6 = 1, 2, 4
_IPV4_BYTES: Final = 4


class TappedPacket(NamedTuple):
    """One packet of a leg that is tapped, in the clear (before SRTP encrypts it, or after it decrypted it).

    Attributes:
        tap: the number given to `Leg.tap`.
        microseconds: when, since the epoch.
        sent: whether it went to the far end; else it came from there, or from a stranger.
        rtcp: whether it is RTCP, else RTP.
        ours: address and port of this node.
        theirs: where it went to or came from. RTCP that came: where RTCP of that leg goes to.
        data: from the RTP or RTCP header on.
    """

    tap: int
    microseconds: int
    sent: bool
    rtcp: bool
    ours: tuple[str, int]
    theirs: tuple[str, int]
    data: bytes


def begin(call: int, number: int) -> bool:
    """Copy packets of a native call from now on; False where it has no audio yet, or there is no memory."""
    return int(pjsua2.handoff_tap_on(call, number)) == 0


def end(call: int) -> None:
    """Copy them no more; what was copied can still be taken."""
    pjsua2.handoff_tap_off(call)


def take() -> list[TappedPacket]:
    """The packets of all tapped legs since the last time, in the order in which they were seen."""
    return list(_read(pjsua2.handoff_tap_take()))


def dropped() -> int:
    """Packets since the start that were not copied because those before them had not been taken."""
    return int(pjsua2.handoff_tap_dropped())


def _read(packets: bytes) -> Iterator[TappedPacket]:
    at, size = 0, _HEAD.size
    while at < len(packets):
        time, number, length, flags, both = _HEAD.unpack_from(packets, at)
        at += size
        ours, theirs = _ends(both, v6=bool(flags & _IPV6))
        data = packets[at : at + length]
        yield TappedPacket(number, time, bool(flags & _SENT), bool(flags & _RTCP), ours, theirs, data)
        at += length


@lru_cache(maxsize=1024)
def _ends(both: bytes, *, v6: bool) -> tuple[tuple[str, int], tuple[str, int]]:
    """Our end and theirs: the same for all packets of a leg, there and back."""
    ours, our_port, theirs, their_port = _ENDS.unpack(both)
    return (_host(ours, v6=v6), our_port), (_host(theirs, v6=v6), their_port)


def _host(address: bytes, *, v6: bool) -> str:
    return inet_ntop(AF_INET6, address) if v6 else inet_ntop(AF_INET, address[:_IPV4_BYTES])
