# SPDX-License-Identifier: GPL-3.0-or-later
"""A circuit breaker: stops asking a tenant's API for a while when too much of what is asked fails.

Modelled on NICE's own Agent SDK: a fifth of the requests over 10 s, at least 2 requests a second, open for
10 s. Pure: every method is told the time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class Breaker:
    """The breaker of one tenant. Times are seconds on any clock that doesn't go back."""

    ratio: float = 0.2
    window: float = 10.0
    least: int = 20
    open_for: float = 10.0
    _results: deque[tuple[float, bool]] = field(default_factory=deque, init=False)
    _failures: int = field(default=0, init=False)
    _opened: float | None = field(default=None, init=False)
    _probed: float | None = field(default=None, init=False)

    def admit(self, now: float) -> float | None:
        """Ask to make a request.

        When the breaker has been open long enough, one request is let through as a probe; a probe that never
        reports back is replaced after ``open_for`` seconds.

        Returns:
            None to go ahead, or the seconds after which asking again makes sense.
        """
        if self._opened is None:
            return None
        due = max(self._opened, self._probed if self._probed is not None else self._opened) + self.open_for
        if now < due:
            return due - now
        self._probed = now
        return None

    def record(self, now: float, *, failed: bool | None) -> None:
        """Say how a request went.

        Args:
            now: the time.
            failed: True for a fault of the service; False when it served; None when it answered something
                that says nothing of its health (404: the contact has gone; 401, 400).
        """
        if self._opened is not None:
            self._record_while_open(now, failed=failed)
            return
        if failed is None:
            return
        self._results.append((now, failed))
        self._failures += failed
        while self._results[0][0] <= now - self.window:
            self._failures -= self._results.popleft()[1]
        if failed and len(self._results) >= self.least and self._failures >= self.ratio * len(self._results):
            self._open(now)

    @property
    def is_open(self) -> bool:
        """Whether requests are held back, except for probes."""
        return self._opened is not None

    def _record_while_open(self, now: float, *, failed: bool | None) -> None:
        if self._probed is None:
            return  # an answer to a request from before it opened
        if failed:
            self._open(now)
        else:
            self._opened = self._probed = None

    def _open(self, now: float) -> None:
        self._opened, self._probed = now, None
        self._results.clear()
        self._failures = 0
