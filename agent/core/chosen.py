# SPDX-License-Identifier: GPL-3.0-or-later
"""Which calls a share of them are: the same ones for all that ask, from first message to last."""

from __future__ import annotations

import hashlib
from typing import Final

ROOT: Final = "call"
"""Name of the span that is a call itself."""
_ALL: Final = 2**64


def chosen(call_id: str, share: float | None) -> bool:
    """Whether a call is among this share of all (0 to 1; None is none), by its id alone."""
    if share is None or share <= 0:
        return False
    return share >= 1 or int.from_bytes(trace_id(call_id)[8:]) < share * _ALL


def trace_id(call_id: str) -> bytes:
    """The 16 bytes by which traces know a call (W3C Trace Context, section 3.2.2.3)."""
    return _digest(f"trace {call_id}")[:16]


def span_id(call_id: str, name: str) -> bytes:
    """The 8 bytes of one span of a call's trace."""
    return _digest(f"span {call_id} {name}")[:8]


def traceparent(call_id: str, *, sampled: bool) -> str:
    """What a call's traceparent header says (W3C Trace Context, section 3.2): its root is the parent."""
    return f"00-{trace_id(call_id).hex()}-{span_id(call_id, ROOT).hex()}-{int(sampled):02x}"


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
