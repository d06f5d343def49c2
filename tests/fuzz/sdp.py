# SPDX-License-Identifier: GPL-3.0-or-later
"""Session descriptions: those that carriers and voice agents send, and any that the grammar allows."""

from __future__ import annotations

import re
from random import Random

_EVENTS = ("a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15")
_CRYPTO = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
AUDIO: tuple[tuple[str, ...], ...] = (
    ("m=audio 30014 RTP/AVP 0", "a=rtpmap:0 PCMU/8000"),
    ("m=audio 30014 RTP/AVP 0 8 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000", *_EVENTS, "a=ptime:20"),
    ("m=audio 30014 RTP/AVP 9 0", "a=rtpmap:9 G722/8000", "a=ptime:30", "a=sendrecv"),
    (
        "m=audio 30014 RTP/AVP 96 0 101",
        "a=rtpmap:96 opus/48000/2",
        "a=fmtp:96 useinbandfec=1;maxplaybackrate=16000;stereo=0",
        *_EVENTS,
    ),
    ("m=audio 30014 RTP/SAVP 0", _CRYPTO, "a=rtpmap:0 PCMU/8000"),
    ("m=audio 30014 RTP/AVP 0", _CRYPTO, "a=rtcp:30015 IN IP4 127.0.0.1", "a=rtcp-mux"),
    ("m=audio 30014 RTP/AVP 00 101 101 0", *_EVENTS),
    ("m=audio 30014 RTP/AVP 98 0", "a=rtpmap:98 red/8000", "a=fmtp:98 0/0/0", "a=rtcp:1 IN IP4 host.invalid"),
    ("m=audio 30014 RTP/AVP 18 0", "a=rtpmap:18 G729/8000", "a=fmtp:18 annexb=no", "a=maxptime:40"),
)
OTHER: tuple[tuple[str, ...], ...] = (
    ("m=video 30024 RTP/AVP 31", "a=rtpmap:31 H261/90000"),
    ("m=video 30024 RTP/AVP 99", "b=AS:512", "a=rtpmap:99 H264/90000", "a=fmtp:99 profile-level-id=42e01f"),
    ("m=text 30034 RTP/AVP 98", "a=rtpmap:98 t140/1000"),
    ("m=image 30044 udptl t38", "a=T38FaxVersion:0"),
    ("m=application 30054 TCP/BFCP *", "a=setup:active", "a=connection:new"),
    ("m=message 30064 TCP/MSRP *", "a=path:msrp://127.0.0.1:30064/x;tcp"),
)
CONNECTION = "c=IN IP4 127.0.0.1"
_CONNECTIONS = (
    *(CONNECTION,) * 3,
    "c=IN IP4 0.0.0.0",
    "c=IN IP6 ::1",
    "c=IN IP4 127.0.0.1/127/3",
    "c=IN IP4 host.invalid",
)
_UNUSED = (  # what a stream at port 0 may carry
    ("m=video 0 RTP/AVP 200",),
    ("m=video 0 RTP/AVP",),
    ("m=audio 0 X 7777", "c=A B C"),
    ("m=video 0 RTP/AVP 31", "c=IN IP4 host.invalid", "a=rtpmap:x y/z", "a=fmtp"),
    ("m=audio 0 RTP/SAVP 0", "a=crypto:1 NONE inline:x"),
)
_DIRECTIONS = ("a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive")


def head(version: int = 1, *more: str) -> list[str]:
    """The session's own lines, before its media."""
    return ["v=0", f"o=fuzz 1 {version} IN IP4 127.0.0.1", "s=-", *more, "t=0 0"]


def text(lines: list[str]) -> str:
    """Lines as they stand in a body."""
    return "".join(f"{line}\r\n" for line in lines)


def ordinary(rng: Random) -> str:
    """One that a good peer sends: one audio stream, perhaps on hold."""
    lines = [*head(rng.randrange(1, 9), CONNECTION), *rng.choice(AUDIO[:4])]
    return text(lines + rng.choice(([], [], [rng.choice(_DIRECTIONS)])))


def any_session(rng: Random) -> str:
    """Any that the grammar allows: up to 12 streams of every kind, connection lines anywhere or nowhere."""
    here = rng.random() < 0.7
    lines = head(rng.randrange(1, 9), *([rng.choice(_CONNECTIONS)] if here else []))
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 7, 8, 8, 9, 12))):
        first, *rest = rng.choice(rng.choice((AUDIO, AUDIO, OTHER)))
        off = rng.random() < 0.3
        lines.append(re.sub(r" \d+ ", " 0 ", first, count=1) if off else first)
        if not here and rng.random() < (0.5 if off else 0.95):
            lines.append(rng.choice(_CONNECTIONS))
        lines += rest
        if rng.random() < 0.3:
            lines.append(rng.choice(_DIRECTIONS))
        if rng.random() < 0.1:
            lines += rng.choice(_UNUSED)
    return text(lines)
