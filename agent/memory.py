# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory that is not needed any more: collected on the loop's thread, given back when the node rests."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from contextlib import suppress
from typing import Final

_FULL_EVERY: Final = 600
"""Looks between two at all objects, not only the young: a call leaves no circles, so little is ever found."""

_REST_AFTER: Final = 34
"""Looks, one a second, after the last call: SIP transactions live for 32 s (RFC 3261 17, timers F, H, J)."""


class Memory:
    """Collects what Python can't free by itself, and lets the C library return what calls have used.

    All of it on this thread, when no native call is on the stack: a finalizer may reach native code.

    Args:
        busy: whether there are legs; a call slot that lingers for its BYE's answer does not count.
        rest: lets the SIP stack return what it keeps for calls.
    """

    def __init__(self, busy: Callable[[], bool], rest: Callable[[], None]) -> None:
        self._busy, self._rest = busy, rest
        self._looks = 0
        self._quiet = _REST_AFTER + 1  # looks since a call; a new node has nothing to give back
        self._trim = _malloc_trim()

    def settle(self) -> None:
        """What is there now stays until the end: the collector need not look at it again."""
        gc.collect()
        gc.freeze()
        gc.disable()
        self._trim()

    def look(self) -> None:
        """Once a second: collect young objects, seldom all of them; give back when the node rests.

        The transactions of the last call hold its memory for half a minute more. glibc keeps what lies
        between what is in use, some 80 MB after thousands of calls. To look for it takes milliseconds, in
        which nobody may be waiting.
        """
        self._looks += 1
        gc.collect(2 if self._looks % _FULL_EVERY == 0 else 1)
        self._quiet = 0 if self._busy() else self._quiet + 1
        if self._quiet == _REST_AFTER:
            self._rest()
            self._trim()


def _malloc_trim() -> Callable[[], object]:
    """The C library's way to return memory (malloc_trim(3)); nothing where it has none."""
    with suppress(OSError, AttributeError):
        trim = ctypes.CDLL(None).malloc_trim
        return lambda: trim(0)
    return lambda: None
