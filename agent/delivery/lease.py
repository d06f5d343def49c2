# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is alive on a shared database: each process beats, and is dead once none came for the time of a lease.

Clocks of machines are not compared. A process judges a neighbour by what it has seen itself: the counter of
beats has not moved for `LEASE_SECONDS`, in which this process could look all the time. So after an outage of
the database everybody has the time of a whole lease to beat again, and nobody is declared dead by mistake.

A process is declared dead by deleting its row, if its counter is still the one last seen; that is final.
The owner of a row in ``calls`` or ``signals`` is the fence: a process that was stopped for a while and comes
back changes nothing that has another owner by now, and needs a new lease before it writes.
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
        """Take what ``nodes`` says now and return the beats whose lease has run out."""
        if now - self._looked_at > max(_LOOKED_AWAY_SECONDS, self._lease / 2):
            self._seen.clear()  # the database, or this process, was away: that time does not count
        self._looked_at = now
        before, self._seen = self._seen, {}
        overdue = []
        for beat in beats:
            last, since = before.get(beat.incarnation, (-1, now))
            self._seen[beat.incarnation] = (beat.beats, since if last == beat.beats else now)
            if last == beat.beats and now - since >= self._lease:
                overdue.append(beat)
        return tuple(overdue)
