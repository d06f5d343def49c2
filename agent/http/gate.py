# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may ask, and how often: judged by the head of a request, before its body or any storage is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agent.core.model.project import Project
from agent.core.rate import Bucket
from agent.http.addresses import network
from agent.http.errors import RefusalError
from agent.http.guesses import Guesses
from agent.http.keys import Access, ApiKeys
from agent.http.ports import ApiDesk

_NO_KEY: Final = "x-api-key is absent or not known"
_OTHER_KEY: Final = "this x-api-key is of another project"
_TOO_FAST: Final = "more requests in a second than the project may send"
_TOO_MANY_KEYS: Final = "too many requests of your address without a usable x-api-key"

# A client with a wrong key is told so for long; who tries keys gets through some 10^6 a day and address.
_GUESSES_PER_SECOND: Final = 10.0
_GUESSES_AT_ONCE: Final = 200.0
_BURST_SECONDS: Final = 2.0


class Gate:
    """Keys and rates of the handoff API; who tries keys is slowed by `Guesses`.

    Args:
        desk: has the projects in force.
        clock: seconds that never run backwards.
    """

    def __init__(self, desk: ApiDesk, clock: Callable[[], float]) -> None:
        self._desk = desk
        self._clock = clock
        self._keys = ApiKeys()
        self._guesses = Guesses(_GUESSES_PER_SECOND, _GUESSES_AT_ONCE)
        self._rates: dict[str, tuple[int, Bucket]] = {}

    def admit(self, address: str, key: str | None, account: str, name: str) -> None:
        """Let a request in by its key.

        Args:
            address: of the peer, empty if it is not known.
            key: its ``x-api-key``.
            account: of the project it asks.
            name: of the project it asks.

        Raises:
            RefusalError: 401, 403, or 429 for too many guesses.
        """
        now = self._clock()
        asker = network(address)
        digest = self._keys.digest(key) if key else None
        self._hold(self._guesses.wait(asker, digest, now), _TOO_MANY_KEYS)
        access = self._keys.judge(digest, account, name, self._desk.projects)
        if access is Access.GRANTED and digest is not None:
            self._guesses.hit(asker, digest)
            return
        self._hold(self._guesses.missed(asker, now), _TOO_MANY_KEYS)
        if access is Access.OTHER_PROJECT:
            raise RefusalError(403, _OTHER_KEY)
        raise RefusalError(401, _NO_KEY)

    def pace(self, name: str) -> None:
        """Hold a project that was let in to its rate.

        Raises:
            RefusalError: 429.
        """
        now = self._clock()
        self._hold(self._rate(self._desk.projects[name], now).take(now), _TOO_FAST)

    def _hold(self, wait: float, why: str) -> None:
        if wait:
            raise RefusalError(429, f"{why}: wait a little", retry_after=wait)

    def _rate(self, project: Project, now: float) -> Bucket:
        """The project's bucket; a new one when a reload changed its rate."""
        rate = project.limits.requests_per_second
        known = self._rates.get(project.project)
        if known is None or known[0] != rate:
            self._rates = {name: known for name, known in self._rates.items() if name in self._desk.projects}
            known = self._rates[project.project] = (rate, Bucket(rate, _BURST_SECONDS * rate, now))
        return known[1]
