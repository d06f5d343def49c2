# SPDX-License-Identifier: GPL-3.0-or-later
"""Log-ins to the console, in memory: bounded, each with an end."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

AT_MOST: Final = 256


@dataclass(frozen=True, slots=True)
class Session:
    """One log-in.

    Attributes:
        digest: SHA-256 of the token that was shown.
        until: when it ends, in seconds of the clock.
    """

    digest: bytes
    until: float


class Sessions:
    """The sessions; of more than `AT_MOST` the oldest one goes.

    Kept under the hash of their id: how long a look-up takes tells nothing of an id.

    Args:
        clock: seconds that never run backwards.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: OrderedDict[bytes, Session] = OrderedDict()

    def __len__(self) -> int:
        """How many there are, those included that are over and were not asked for since."""
        return len(self._open)

    def begin(self, digest: bytes, seconds: float) -> str:
        """Begin one; gives its id, which only the browser keeps."""
        now = self._clock()
        for key in [key for key, session in self._open.items() if session.until <= now]:
            del self._open[key]
        while len(self._open) >= AT_MOST:
            self._open.popitem(last=False)
        session_id = secrets.token_urlsafe(32)
        self._open[_key(session_id)] = Session(digest, now + seconds)
        return session_id

    def find(self, session_id: str) -> Session | None:
        """The session of this id, while it lasts."""
        found = self._open.get(_key(session_id))
        if found is None or found.until <= self._clock():
            self.end(session_id)
            return None
        return found

    def end(self, session_id: str) -> None:
        """End it, if there is one."""
        self._open.pop(_key(session_id), None)


def _key(session_id: str) -> bytes:
    return hashlib.sha256(session_id.encode(errors="surrogateescape")).digest()
