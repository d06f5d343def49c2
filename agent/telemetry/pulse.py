# SPDX-License-Identifier: GPL-3.0-or-later
"""The last hour of the node in a few numbers, kept for the console's plots."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

EVERY_SECONDS: Final = 10.0
BEATS: Final = 360
"""An hour of them."""


@dataclass(frozen=True, slots=True)
class Beat:
    """The node at one time.

    Attributes:
        when: seconds since the epoch.
        calls: calls that were up.
        per_second: INVITEs that got their final answer, a second, since the beat before.
    """

    when: float
    calls: int
    per_second: float


class Pulse:
    """Takes a beat now and then; of more than `BEATS` the oldest goes."""

    def __init__(self) -> None:
        self._beats: deque[Beat] = deque(maxlen=BEATS)
        self._invites = 0
        self._last: float | None = None

    @property
    def beats(self) -> Sequence[Beat]:
        """The beats, oldest first."""
        return tuple(self._beats)

    def due(self, now: float) -> bool:
        """Whether it is time for the next one."""
        return self._last is None or not 0 <= now - self._last < EVERY_SECONDS

    def take(self, now: float, calls: int, invites: int) -> None:
        """Take a beat.

        Args:
            now: seconds since the epoch.
            calls: that are up.
            invites: that got a final answer since the start.
        """
        passed = 0.0 if self._last is None else now - self._last
        per_second = max(0, invites - self._invites) / passed if passed > 0 else 0.0
        self._beats.append(Beat(now, calls, per_second))
        self._last, self._invites = now, invites
