# SPDX-License-Identifier: GPL-3.0-or-later
"""Shapes of input that are left out, since what they do is known and not yet mended.

Each stands alone: take it out together with the mending of its fault. ``--all`` leaves nothing out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_MOST_STREAMS = 8
_FOREIGN = re.compile(
    rb"^Record-Route\s*:[^\r\n]*?(?:<|:\s*|,\s*)(?!sips?:)[a-z][a-z0-9+.-]*:", re.IGNORECASE | re.MULTILINE
)


def _parts(data: bytes) -> list[bytes]:
    """The session's own lines of an SDP, then those of each stream."""
    return re.split(rb"^m=", data.partition(b"\r\n\r\n")[2], flags=re.MULTILINE)


KNOWN: Mapping[str, Callable[[bytes], bool]] = {
    # one stream more than PJMEDIA_MAX_SDP_MEDIA: pjmedia_sdp_neg_modify_local_offer2 writes past media[]
    "as many streams as there is room for": lambda data: len(_parts(data)) > _MOST_STREAMS,
    # cast to a SIP URI, which is larger: pjsua_acc_create_uas_contact reads beyond it
    "Record-Route that is no SIP URI": lambda data: bool(_FOREIGN.search(data)),
}


def is_known(data: bytes) -> bool:
    """Whether a message has a shape that is left out."""
    return any(looks(data) for looks in KNOWN.values())
