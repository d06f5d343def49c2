# SPDX-License-Identifier: GPL-3.0-or-later
"""Every SIP message in and out, as it is seen in C: a line of facts, and its bytes while they last.

See ``deploy/pjsua2/trace.c`` and ``messages.c``. The bytes of all messages share one ring of memory: on a
node without load they last for hours, at 100 calls a second for seconds. Whoever needs one for longer copies
it at once.
"""

from __future__ import annotations

from typing import Final

import pjsua2

MESSAGE_BYTES: Final = 4 * 1024 * 1024
"""Room for the bytes of messages: some 6,000 of them, those of 400 calls."""

_POSITIONS: Final = 1 << 64


def install() -> bool:
    """See every message from now on; once, after the library's start and before its transports'.

    Returns:
        False where the memory for it can't be had.
    """
    return int(pjsua2.handoff_trace_install(MESSAGE_BYTES)) == 0


def drain(most: int) -> list[str]:
    """The messages seen since the last time, oldest first, as lines of `stories.TraceRecord`."""
    text: str = pjsua2.handoff_trace_drain(most)
    return text.split("\n") if text else []


def whole(position: int) -> bytes | None:
    """A message byte for byte, as it came or went (before TLS, where that is used).

    Args:
        position: as `stories.TraceRecord` has it.

    Returns:
        Its bytes; None once they were overwritten, or where no message begins there.
    """
    if not 0 <= position < _POSITIONS:
        return None
    found: bytes | None = pjsua2.handoff_message_whole(position)
    return found


def local(position: int) -> str | None:
    """Address and port of this node that a message came to or left from; None where `whole` gives none.

    For a listener on all addresses it is that which the node goes by.
    """
    if not 0 <= position < _POSITIONS:
        return None
    return str(pjsua2.handoff_message_local(position)) or None
