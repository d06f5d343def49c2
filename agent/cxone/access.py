# SPDX-License-Identifier: GPL-3.0-or-later
"""All that a request to a tenant's Signal API needs, and what is known of that API's health."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from agent.core.errors import CxoneError
from agent.core.model.cxone import CxoneTenant
from agent.core.outcomes import Answer, Outcome
from agent.cxone.exchange import ExchangeError
from agent.cxone.signal import checked, placed, services
from agent.cxone.token import BackedOffError
from agent.cxone.token_request import Credential, Token
from agent.web.breaker import Breaker
from agent.web.request import Origin, common, lines, parted, whole
from agent.web.retry_budget import RetryBudget

_SECONDS_HELD: Final = 1.0


@dataclass(slots=True)
class Health:
    """What is known of the health of one tenant's API."""

    breaker: Breaker = field(default_factory=Breaker)
    budget: RetryBudget = field(default_factory=RetryBudget)
    not_found: int = 0

    def admit(self, now: float, *, again: bool) -> Answer | None:
        """Ask to make a request: None to go ahead, or what becomes of it instead.

        Args:
            now: the time, in seconds.
            again: it was tried before, or had to wait.
        """
        if not again:
            self.budget.offered(now)
        if (wait := self.breaker.admit(now)) is not None:
            return Answer(
                Outcome.BREAKER_OPEN, None, "the tenant's API gave nothing but failures lately", wait
            )
        if again and not self.budget.spend(now):
            wait = self.breaker.wait(_SECONDS_HELD)
            return Answer(Outcome.BREAKER_OPEN, None, "the tenant's API fails too often for more tries", wait)
        return None

    def record(self, now: float, outcome: Outcome) -> None:
        """Say how a request went."""
        failed = outcome.meaning.failed
        self.breaker.record(now, failed=failed)
        self.budget.record(failed=failed)


@dataclass(frozen=True, slots=True)
class Access:
    """All that a request to a tenant needs, made once for many.

    Attributes:
        cxone: the settings by which it was got.
        credential: theirs.
        token: it asks with.
        api_endpoint: where the tenant's API is.
        health: of that API.
        good_until: when to look for a newer token, in seconds since the epoch.
    """

    cxone: CxoneTenant
    credential: Credential
    token: Token
    api_endpoint: str
    health: Health
    good_until: float
    _to: Origin = field(init=False, repr=False)
    _path: str = field(init=False, repr=False)
    _signals: str = field(init=False, repr=False)
    _headers: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Prepare what all requests share.

        Raises:
            ValueError: the endpoint is no URL, or the token can't stand in a header.
        """
        to, path = parted(self.api_endpoint)
        path = path.rstrip("/")
        headers = {"Accept": "application/json", "Authorization": f"Bearer {self.token.access}"}
        set_ = object.__setattr__
        set_(self, "_to", to)
        set_(self, "_path", path)
        set_(self, "_signals", path + services(self.cxone.api_version))
        set_(self, "_headers", common(to) + lines(headers))

    @property
    def tenant(self) -> tuple[str, str]:
        """Issuer and tenant id: whose API it is."""
        return self.token.claims.issuer, self.token.claims.tenant_id

    def signal(self, contact_id: str, values: dict[str, str]) -> Request:
        """A signal to a contact, with parameters without gaps; raises `ValueError` where it is no contact."""
        query, body = placed(values, self.cxone.parameters)
        return Request(self._to, f"{self._signals}{checked(contact_id)}/signal{query}", self._headers, body)

    def post(self, path: str, body: bytes) -> Request:
        """Something else, below the tenant's endpoint."""
        return Request(self._to, self._path + path, self._headers, body)


@dataclass(frozen=True, slots=True)
class Request:
    """A POST of JSON; values stay out of the repr."""

    to: Origin
    target: str = field(repr=False)
    headers: bytes = field(repr=False)
    body: bytes | None = field(repr=False)

    def whole(self, correlation_id: str) -> bytes:
        """All its bytes."""
        kind = b"" if self.body is None else b"Content-Type: application/json\r\n"
        headers = b"%bCorrelationId: %b\r\n%b" % (self.headers, correlation_id.encode(), kind)
        return whole("POST", self.target, headers, self.body or b"")


def no_access(error: CxoneError) -> Answer:
    """What becomes of a request for which there was no token or no endpoint."""
    pause = error.pause if isinstance(error, ExchangeError | BackedOffError) else None
    return Answer(Outcome.NOT_SENT, None, f"not sent: {error}", pause)
