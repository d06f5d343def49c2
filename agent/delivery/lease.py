# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is alive on a shared database: each process beats, and is dead once it has missed beats for a lease.

No clock is compared between machines. A neighbour is judged by what this process has seen for itself: its
counter of beats has not moved for `LEASE_SECONDS` in which this process could look all the time. So after an
outage of the database everybody has a whole lease to beat again, and nobody's calls are given up for dead.

A dead process is buried by deleting its row, if it is still at the beat last seen; that settles it for ever.
What a row in ``calls`` or ``signals`` says of its owner is the fence: a process that was stopped for a while
and comes back changes nothing that has gone to another owner, and must be admitted anew before it writes.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Final, NamedTuple

HEARTBEAT_SECONDS: Final = 2.0
LEASE_SECONDS: Final = 10.0
_LOOKED_AWAY_SECONDS: Final = 3 * HEARTBEAT_SECONDS


class Beat(NamedTuple):
    """A row of ``nodes``."""

    node: str
    incarnation: str
    beats: int


def new_incarnation(node: str) -> str:
    """A name for one life of a node's process, never used before."""
    return f"{node}/{secrets.token_hex(8)}"


class Watch:
    """What this process has seen of its neighbours. Times are those of the loop's clock, in seconds.

    Args:
        lease: how long a neighbour may miss its beats.
    """

    def __init__(self, lease: float = LEASE_SECONDS) -> None:
        self._lease = lease
        self._looked_at = 0.0
        self._seen: dict[str, tuple[int, float]] = {}

    def look(self, now: float, beats: Iterable[Beat]) -> tuple[Beat, ...]:
        """Take what ``nodes`` says now and return those that have run out."""
        if now - self._looked_at > max(_LOOKED_AWAY_SECONDS, self._lease / 2):
            self._seen.clear()  # the database, or this process, was away: nobody is judged by that time
        self._looked_at = now
        before, self._seen = self._seen, {}
        overdue = []
        for beat in beats:
            last, since = before.get(beat.incarnation, (-1, now))
            self._seen[beat.incarnation] = (beat.beats, since if last == beat.beats else now)
            if last == beat.beats and now - since >= self._lease:
                overdue.append(beat)
        return tuple(overdue)
