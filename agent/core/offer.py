# SPDX-License-Identifier: GPL-3.0-or-later
"""What audio codecs an SDP offer names (RFC 8866, RFC 3551 table 4)."""

from __future__ import annotations

import re
from collections.abc import Collection

_STATIC = {"0": "PCMU", "8": "PCMA", "9": "G722"}
_RTPMAP = re.compile(r"a=rtpmap:(\d+) ([^/\s]+)/")


def audio_codecs(sdp: str) -> frozenset[str]:
    """The upper-case encoding names of the first active audio stream, or an empty set when there is none."""
    formats: list[str] = []
    named: dict[str, str] = {}
    inside = False
    for line in sdp.splitlines():
        if line.startswith("m="):
            if formats:
                break
            words = line[2:].split()
            inside = len(words) > 3 and words[0] == "audio" and words[1].split("/")[0] != "0"  # noqa: PLR2004
            formats = words[3:] if inside else []
        elif inside and (mapped := _RTPMAP.match(line)):
            named[mapped.group(1)] = mapped.group(2).upper()
    return frozenset(named.get(one) or _STATIC.get(one, "") for one in formats) - {""}


def has_common_codec(sdp: str, ours: Collection[str]) -> bool:
    """Whether we share an audio codec with the offer; an INVITE without an offer leaves the choice to us."""
    if not sdp.strip():
        return True
    return bool(audio_codecs(sdp) & {codec.upper() for codec in ours})
