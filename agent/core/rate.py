# SPDX-License-Identifier: GPL-3.0-or-later
"""Token buckets: so many of something in a second, with a burst."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

KeyOf = TypeVar("KeyOf", bound=Hashable)


class Bucket:
    """Holds ``burst`` tokens at first and gains ``per_second``, never above ``burst``.

    All times are seconds of one clock that does not run backwards.
    """

    __slots__ = ("_burst", "_per_second", "_seen", "_tokens")

    def __init__(self, per_second: float, burst: float, now: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._tokens = burst
        self._seen = now

    def take(self, now: float) -> float:
        """Take one token.

        Returns:
            0.0 if it was taken; else the seconds until there is one, and nothing was taken.
        """
        wait = self.wait(now)
        if not wait:
            self._tokens -= 1.0
        return wait

    def wait(self, now: float) -> float:
        """Seconds until there is a token; 0.0 when there is one."""
        self._tokens = min(self._burst, self._tokens + (now - self._seen) * self._per_second)
        self._seen = now
        return 0.0 if self._tokens >= 1.0 else (1.0 - self._tokens) / self._per_second


class Buckets(Generic[KeyOf]):
    """A bucket for each key, of the same rate; of more than ``at_most`` keys those unused longest go.

    A key that went has a full bucket when it comes again: the table bounds memory, not those who own many
    keys.
    """

    def __init__(self, per_second: float, burst: float, at_most: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._at_most = at_most
        self._buckets: OrderedDict[KeyOf, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: KeyOf, now: float) -> float:
        """As `Bucket.take`, of the key's bucket."""
        bucket = self._buckets.get(key)
        if bucket is None:
            while len(self._buckets) >= self._at_most:
                self._buckets.popitem(last=False)
            bucket = self._buckets[key] = Bucket(self._per_second, self._burst, now)
        self._buckets.move_to_end(key)
        return bucket.take(now)

    def wait(self, key: KeyOf, now: float) -> float:
        """As `Bucket.wait`, of the key's bucket; a key that is not there makes none."""
        bucket = self._buckets.get(key)
        return 0.0 if bucket is None else bucket.wait(now)
