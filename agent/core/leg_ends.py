# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a leg's far end ended it, or our own stack gave it up, and why."""

from __future__ import annotations

from typing import Final

from agent.core.reasons import Reason

_BYE: Final = 200
_CANCEL: Final = 487
_TIMED_OUT: Final = 408
_NO_PRACK: Final = 504
# What the stack says where a peer can't be reached or knows of no dialog (RFC 3261 section 12.2.1.2); another
# error is its own word, such as 488 where it can't make the media that was agreed on.
_UNREACHED: Final = (_TIMED_OUT, 481, 503)
_NO_ANSWER: Final = "No SDP answer in ACK"  # as well (RFC 3261 section 13.2.1)
_NO_REFRESH: Final = "No session refresh"  # in the stack's own words (RFC 4028 section 10)


def lost_caller(status: int, text: str, *, answered: bool, confirmed: bool) -> Reason | None:
    """Why the stack gave the caller's leg up; None where the caller ended it by BYE or CANCEL.

    Args:
        status: the SIP status that ended it.
        text: the stack's words.
        answered: whether our 2xx was sent.
        confirmed: whether its ACK came.
    """
    if status in (_BYE, _CANCEL):
        return None
    if confirmed and text.startswith(_NO_REFRESH):
        return Reason.SESSION_EXPIRED
    if text.startswith(_NO_ANSWER) or (answered and not confirmed and status == _TIMED_OUT):
        return Reason.NO_ACK
    if not answered and status == _NO_PRACK:
        return Reason.NO_PRACK
    return Reason.CALLER_LOST if status in _UNREACHED else Reason.INTERNAL


def lost_callee(status: int, *, confirmed: bool) -> Reason | None:
    """Why the stack gave up a leg that we dialled; None where its far end refused the call or hung up."""
    return Reason.AGENT_LOST if confirmed and status != _BYE else None
