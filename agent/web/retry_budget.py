# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounds repetitions, so that what fails in part is asked on and never gets more than twice what is offered.

Each first try earns one repetition, each repetition spends one (linkerd and Finagle call it a retry budget).
With half of the requests failing that is just what all of them need; with more failing, each gets its share.
While all goes well repetitions are free: what waited through an outage leaves as soon as it is over. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class RetryBudget:
    """The budget of one tenant. Times are seconds on any clock that doesn't go back.

    Attributes:
        most: what can be saved up while it is in trouble.
        idle: without a first try for so many seconds one repetition is earned: where few calls come twice
            their rate is next to nothing.
        well: so many in a row served mean that the service is well; at half of them failing it never happens.
    """

    most: int = 100
    idle: float = 0.5
    well: int = 20
    _saved: int = field(default=0, init=False)
    _earned: float = field(default=float("-inf"), init=False)
    _served: int = field(default=0, init=False)
    _faulty: bool = field(default=False, init=False)

    def offered(self, now: float) -> None:
        """Something is to be sent for the first time, whether it leaves at once or has to wait."""
        self._earn(now)

    def spend(self, now: float) -> bool:
        """Ask to repeat; False: not now."""
        if not self._faulty:
            return True
        if not self._saved and now - self._earned >= self.idle:
            self._earn(now)
        if not self._saved:
            return False
        self._saved -= 1
        return True

    def record(self, *, failed: bool | None) -> None:
        """Say how a request went; see `agent.web.breaker.Breaker.record`."""
        if failed:
            self._faulty, self._served = True, 0
        elif failed is False and self._faulty:
            self._served += 1
            self._faulty = self._served < self.well

    def _earn(self, now: float) -> None:
        most = self.most if self._faulty else 1  # what good times earn is not for bad ones
        self._saved, self._earned = min(self._saved + 1, most), now
