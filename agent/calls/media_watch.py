# SPDX-License-Identifier: GPL-3.0-or-later
"""Notices when a leg that should bring audio brings none: pjsua has no clock for that."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.calls.timers import RunningTimer, Timers
from agent.core.sides import Side
from agent.sip.leg import Leg

_LOOKS = 4


class MediaWatch:
    """Looks at what is heard of a call's legs a few times in each `timeout` seconds; 0 switches it off.

    Args:
        timeout: how long a leg may bring nothing, unless its far end has put the call on hold.
        legs: the call's legs, as they are at each look.
        lost: called with a side that fell silent; again after as long, if it was of no consequence.
        took: told of what goes wrong in a look: the place, the error. The next look comes all the same.
        timers: run out when it is time for a look.
    """

    def __init__(
        self,
        timeout: float,
        legs: Mapping[Side, Leg],
        lost: Callable[[Side], None],
        took: Callable[[str, Exception], None],
        timers: Timers,
    ) -> None:
        self._timeout = timeout
        self._legs = legs
        self._lost = lost
        self._took = took
        self._seen: dict[int, tuple[int, int]] = {}  # leg key → heard, looks without a new one
        self._timers = timers
        self._timer: RunningTimer | None = None
        self._ended = False

    def begin(self) -> None:
        """Start to look."""
        if self._timeout and not self._ended:
            self._timer = self._timers.start(self._timeout / _LOOKS, self._look)

    def end(self) -> None:
        """Look no more."""
        self._ended = True
        if self._timer is not None:
            self._timer.stop()

    def _look(self) -> None:
        try:
            for side, leg in self._legs.items():
                if self._silent(leg):
                    self._lost(side)
                    break  # the call may have other legs by now
        except Exception as error:  # noqa: BLE001 - nobody else looks
            self._took("watch", error)
        self.begin()

    def _silent(self, leg: Leg) -> bool:
        before, silent = self._seen.get(leg.key, (-1, 0))
        try:
            heard = leg.measure().heard
        except Exception as error:  # noqa: BLE001 - one that can't be measured brings nothing that is known of
            self._took("watch", error)
            heard = before
        silent = 0 if leg.held or heard != before else silent + 1
        self._seen[leg.key] = (heard, silent)
        if silent < _LOOKS:
            return False
        del self._seen[leg.key]
        return True
