# SPDX-License-Identifier: GPL-3.0-or-later
"""Which calls a share of them are: the same ones for all that ask, from first message to last."""

from __future__ import annotations

import hashlib
from typing import Final

from agent.core.trace_context import Parent

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


def traceparent(call_id: str, share: float | None, parent: Parent | None = None) -> str:
    """What a call's traceparent header says (W3C Trace Context, section 3.2): its root is the parent.

    Args:
        call_id: of the call.
        share: how many calls are traced.
        parent: of the call, where it is part of somebody else's trace.
    """
    trace = trace_id(call_id).hex() if parent is None else parent.trace
    return str(Parent(trace, span_id(call_id, ROOT).hex(), traced(call_id, share, parent)))


def traced(call_id: str, share: float | None, parent: Parent | None) -> bool:
    """Whether a call is traced: as its parent is, where it has one, else by its id; never without a share."""
    if parent is None or not share:
        return chosen(call_id, share)
    return parent.sampled


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
