# SPDX-License-Identifier: GPL-3.0-or-later
"""What no capture and no Homer gets: credentials, connector tokens, and digits that a caller pressed.

A PIN is pressed, and a file of packets goes from hand to hand. What is withheld becomes ``*`` in SIP, of the
same length, and an event that is none in RTP: that something was pressed, when, and for how long, stays.
Pure; quick where there is nothing to withhold, since every message and packet passes.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final

_CREDENTIALS: Final = ("authorization", "proxy-authorization", "identity", "y")
_VISIBLE: Final = re.compile(rb"[^\s]")
# What `agent.core.digits` reads, and others that tell of keys (RFC 4730); or a body of parts.
_KEYS: Final = re.compile(
    rb"(?im)^(?:content-type|c)[ \t]*:(?:[ \t]|\r?\n[ \t])*"
    rb"(?:(multipart/)|application/(?:(?:vnd\.[^\s;]*)?(?:dtmf|digits)|kpml-response))"
)
_SIGNAL: Final = re.compile(rb"(?im)^([ \t]*signal[ \t]*=[ \t]*)([^\r\n]*)")
_END: Final = b"\r\n\r\n"

_RTP: Final = 2  # version of RTP (RFC 3550 section 5.1)
_RTP_HEAD: Final = 12
_PADDED: Final = 0x20
_EXTENDED: Final = 0x10
_DYNAMIC: Final = range(96, 128)  # payload types (RFC 3551 section 6): that of telephone events is one
_EVENT_BYTES: Final = 4  # RFC 4733 section 2.3: no codec of ours has frames as short
_DIGITS: Final = range(17)  # 0-9, *, #, A-D and flash (RFC 4733 section 3.2)
NO_EVENT: Final = 255


def message(data: bytes, tokens: Collection[str], *, digits: bool) -> bytes:
    """A SIP message without what is withheld; as long as it was.

    Args:
        data: the message.
        tokens: lower-case names of headers that carry connector tokens.
        digits: whether digits are withheld too.
    """
    head, end, body = data.partition(_END)
    told = _secret(frozenset(tokens)).sub(_starred, head)
    if digits and body and _tells_keys(head, body):
        told_body = _SIGNAL.sub(_starred, body) if _SIGNAL.search(body) else _VISIBLE.sub(b"*", body)
        return told + end + told_body
    return data if told is head else told + end + body


def rtp(data: bytes) -> bytes:
    """An RTP packet; which key one of a telephone event tells of is withheld."""
    if len(data) < _RTP_HEAD + _EVENT_BYTES or data[0] >> 6 != _RTP or data[1] & 0x7F not in _DYNAMIC:
        return data
    start = _RTP_HEAD + 4 * (data[0] & 0x0F)
    if data[0] & _EXTENDED:
        if len(data) < start + 4:
            return data
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4])
    padding = data[-1] if data[0] & _PADDED else 0
    if len(data) - start - padding != _EVENT_BYTES or data[start] not in _DIGITS:
        return data
    return b"".join((data[:start], bytes((NO_EVENT,)), data[start + 1 :]))


def _tells_keys(head: bytes, body: bytes) -> bool:
    found = _KEYS.search(head)
    return found is not None and (found[1] is None or _KEYS.search(body) is not None)


@lru_cache(maxsize=16)
def _secret(tokens: frozenset[str]) -> re.Pattern[bytes]:
    names = "|".join(map(re.escape, (*_CREDENTIALS, *sorted(tokens))))
    return re.compile(rf"(?im)^((?:{names})[ \t]*:)((?:[^\r\n]|\r?\n[ \t])*+)".encode())


def _starred(found: re.Match[bytes]) -> bytes:
    return found[1] + _VISIBLE.sub(b"*", found[2])
