# SPDX-License-Identifier: GPL-3.0-or-later
"""A circuit breaker: stops asking a tenant's API while it is dead, and finds out soon when it is back.

Dead means that nothing but failures came for a while. One that fails in part is not dead: it is asked on, and
`agent.web.retry_budget` bounds what that costs it. Pure: every method is told the time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

SPREAD_SECONDS: Final = 9.0
"""Over so long those that were refused come back, `EACH_SECONDS` apart: not all in one turn of the loop."""
EACH_SECONDS: Final = 0.005


@dataclass(slots=True)
class Breaker:
    """The breaker of one tenant. Times are seconds on any clock that doesn't go back.

    Attributes:
        least: failures in a row, at least, that open it,
        age: if the first of them is at least so old: many at once may be one fault.
        first_pause: between opening and the first probe; it doubles with each probe that fails
        longest_pause: up to this.
    """

    least: int = 20
    age: float = 1.0
    first_pause: float = 1.0
    longest_pause: float = 10.0
    _in_a_row: int = field(default=0, init=False)
    _since: float = field(default=0.0, init=False)
    _pause: float = field(default=0.0, init=False)
    _due: float | None = field(default=None, init=False)
    _probing: bool = field(default=False, init=False)
    _refused: int = field(default=0, init=False)

    def admit(self, now: float) -> float | None:
        """Ask to make a request.

        When the breaker has been open long enough, one request is let through as a probe; a probe that never
        reports back is replaced after another pause.

        Returns:
            None to go ahead, or the seconds after which asking again makes sense.
        """
        if self._due is None:
            return None
        if now >= self._due:
            self._due, self._probing = now + self._pause, True
            return None
        return self.wait(self._due - now)

    def wait(self, least: float) -> float:
        """How long one that may not go ahead waits: ``least`` seconds, and each a little longer."""
        self._refused += 1
        return least + self._refused * EACH_SECONDS % SPREAD_SECONDS

    def record(self, now: float, *, failed: bool | None) -> None:
        """Say how a request went.

        Args:
            now: the time.
            failed: True for a fault of the service; False when it served; None when it answered something
                that says only that it is there (404: the contact has gone; 401, 400).
        """
        if self._due is not None:
            self._record_while_open(now, failed=failed)
        elif not failed:
            self._in_a_row = 0
        else:
            self._since = self._since if self._in_a_row else now
            self._in_a_row += 1
            if self._in_a_row >= self.least and now - self._since >= self.age:
                self._open(now, self.first_pause)

    @property
    def is_open(self) -> bool:
        """Whether requests are held back, except for probes."""
        return self._due is not None

    def _record_while_open(self, now: float, *, failed: bool | None) -> None:
        if not self._probing:
            return  # an answer to a request from before it opened
        if failed:
            self._open(now, min(2 * self._pause, self.longest_pause))
        else:
            self._due, self._probing = None, False
            self._in_a_row = 0

    def _open(self, now: float, pause: float) -> None:
        self._pause, self._due, self._probing = pause, now + pause, False
        self._refused = 0
