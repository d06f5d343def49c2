# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether media can come of an SDP offer: codecs, transport, keys, address (RFC 8866, RFC 3264, RFC 4568).

All of it is judged before anybody is called: what the stack would find out only when it answers is too late
for a voice agent that has answered, and for a script that was told so.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, Literal

from agent.core.reasons import Reason
from agent.core.units import ip

_STATIC: Final = {"0": "PCMU", "8": "PCMA", "9": "G722"}  # RFC 3551 table 4
_MEDIA: Final = re.compile(r"^m=", re.MULTILINE)
_RTPMAP: Final = re.compile(r"a=rtpmap:(\d+) ([^/\s]+)/")
_CRYPTO: Final = re.compile(
    r"a=crypto:(?:0|[1-9]\d{0,8}) +(\S+) +inline:([A-Za-z0-9+/]+=*)(?:[| ].*)?", re.IGNORECASE
)
_KEY_BYTES: Final = {
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
    "AES_256_CM_HMAC_SHA1_80": 46,
    "AES_256_CM_HMAC_SHA1_32": 46,
}
"""The suites that the stack is built with, and how long key and salt are together."""
_PLAIN: Final = ("RTP/AVP", "RTP/AVPF")
_SECURE: Final = ("RTP/SAVP", "RTP/SAVPF")
_SERVED: Final = {"none": _PLAIN, "optional": (*_PLAIN, *_SECURE), "required": _SECURE}
_MOST_STREAMS: Final = 8  # PJMEDIA_MAX_SDP_MEDIA
_WARNING_ADDRESS: Final = 301  # RFC 3261 section 20.43
_WARNING_TRANSPORT: Final = 302
_WARNING_FORMAT: Final = 305
_WARNING_OTHER: Final = 399


@dataclass(frozen=True)
class Terms:
    """What media of ours can do.

    Attributes:
        codecs: their names.
        srtp: as `media.srtp`.
        version: of the addresses that media runs on: 4 or 6.
    """

    codecs: tuple[str, ...]
    srtp: Literal["none", "optional", "required"] = "none"
    version: int = 4

    @cached_property
    def names(self) -> frozenset[str]:
        """The codecs' encoding names, in upper case."""
        return frozenset(codec.upper() for codec in self.codecs)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why no media can come of an offer; `warning` is the code for a Warning header."""

    reason: Reason
    text: str
    warning: int


@dataclass(frozen=True)
class _Stream:
    """One audio stream of an offer that is not refused by its port of 0."""

    transport: str
    formats: list[str]
    connection: str
    named: dict[str, str]
    keys: list[str]

    @cached_property
    def names(self) -> list[str]:
        return [self.named.get(one) or _STATIC.get(one, "") for one in self.formats]

    @cached_property
    def codecs(self) -> frozenset[str]:
        return frozenset(self.names) - {""}


def preferred_codec(sdp: str, ours: Iterable[str]) -> str:
    """Which of our codecs the offer names first, and the answer takes then; empty where it names none."""
    known = {codec.upper(): codec for codec in ours}
    names = next((stream.names for stream in _streams(sdp)), [])
    return next((known[name] for name in names if name in known), "")


def fault_of(sdp: str, terms: Terms) -> Fault | None:
    """What is wrong with an offer; None where one of its audio streams can be taken, or there is no offer.

    Args:
        sdp: the body of the INVITE. Without any the choice is ours.
        terms: what media of ours can do.
    """
    if not sdp.strip():
        return None
    count = sdp.count("\nm=") + sdp.startswith("m=")
    if count > _MOST_STREAMS:
        text = f"the offer has {count} streams, up to {_MOST_STREAMS} can be answered"
        return Fault(Reason.BAD_OFFER, text, _WARNING_OTHER)
    faults = [_fault(stream, terms) for stream in _streams(sdp)]
    if None in faults:
        return None
    return faults[0] if faults else _no_codec("the offer has no audio stream")


@lru_cache(maxsize=64)
def _streams(sdp: str) -> tuple[_Stream, ...]:
    """The active audio streams, in order. One offer is asked about several times in a row."""
    found: list[_Stream] = []
    session, *media = _MEDIA.split(sdp.replace("\r\n", "\n"))
    address = _connection(session)
    for part in media:
        line, _, rest = part.partition("\n")
        words = line.split()
        active = len(words) > 3 and words[0] == "audio" and words[1].split("/")[0] != "0"  # noqa: PLR2004
        if active:
            lines = rest.split("\n")
            maps = [_RTPMAP.match(one) for one in lines if one.startswith("a=rtpmap:")]
            named = {one[1]: one[2].upper() for one in maps if one}
            keys = [one for one in lines if one[:9].lower() == "a=crypto:"]
            found.append(_Stream(words[2].upper(), words[3:], _connection(rest) or address, named, keys))
    return tuple(found)


def _connection(lines: str) -> str:
    """What the c= line says, or nothing."""
    return next((line[2:].strip() for line in lines.split("\n") if line.startswith("c=")), "")


def _fault(stream: _Stream, terms: Terms) -> Fault | None:
    if terms.names.isdisjoint(stream.names):
        return _no_codec("the offer names none of our codecs")
    return _fault_of_transport(stream, terms.srtp) or _fault_of_address(stream.connection, terms.version)


def _fault_of_transport(stream: _Stream, srtp: str) -> Fault | None:
    secure = stream.transport in _SECURE
    served = _SERVED[srtp]
    if stream.transport not in served:
        text = f"the offer is for {stream.transport[:32]}, where media.srtp: {srtp} takes {', '.join(served)}"
        return Fault(Reason.BAD_OFFER, text, _WARNING_TRANSPORT)
    if srtp == "none" or not (secure or stream.keys):
        return None
    found = [_CRYPTO.fullmatch(line.rstrip()) for line in stream.keys]
    ours = [one for one in found if one and _KEY_BYTES.get(one[1].upper(), 0) == _length(one[2])]
    wrong = [
        one for one in found if one is None or _KEY_BYTES.get(one[1].upper()) not in (None, _length(one[2]))
    ]
    if wrong or (secure and not ours):
        return Fault(
            Reason.BAD_OFFER, "the offer has no a=crypto with a suite and a key of ours", _WARNING_OTHER
        )
    return None


def _length(key: str) -> int:
    """How many bytes a key in base64 has; -1 where it is none."""
    try:
        return len(binascii.a2b_base64(key, strict_mode=True))
    except binascii.Error:
        return -1


@lru_cache(maxsize=1024)
def _fault_of_address(connection: str, version: int) -> Fault | None:
    """Names are of no use either: nothing may be looked up while everybody waits."""
    network, kind, text = (*connection.split(), "", "", "")[:3]
    try:
        address = ip(text)
    except ValueError:
        return _bad_address("the offer has no address that is one: write a literal one in c=")
    if network.upper() != "IN" or kind.upper() != f"IP{address.version}":
        return _bad_address("what c= says of its address is not what it is")
    if address.version != version:
        return _bad_address(f"the offer's address is IPv{address.version}, where media runs on IPv{version}")
    if address.is_multicast or (address.version == 4 and address.is_reserved):  # noqa: PLR2004 - 240.0.0.0/4
        return _bad_address("the offer's address is of many")
    return None


def _no_codec(text: str) -> Fault:
    return Fault(Reason.NO_CODEC, text, _WARNING_FORMAT)


def _bad_address(text: str) -> Fault:
    return Fault(Reason.BAD_OFFER, text, _WARNING_ADDRESS)
