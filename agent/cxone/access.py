# SPDX-License-Identifier: GPL-3.0-or-later
"""All that a request to a tenant's Signal API needs, and what is known of that API's health."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from agent.core.errors import CxoneError
from agent.core.model.cxone import CxoneTenant
from agent.core.outcomes import Answer, Outcome
from agent.cxone.exchange import ExchangeError
from agent.cxone.token import BackedOffError
from agent.cxone.token_request import Token
from agent.web.breaker import Breaker
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
    """All that a request to a tenant needs."""

    cxone: CxoneTenant
    token: Token
    api_endpoint: str
    good_until: float

    @property
    def tenant(self) -> tuple[str, str]:
        """Issuer and tenant id: whose API it is."""
        return self.token.claims.issuer, self.token.claims.tenant_id


def no_access(error: CxoneError) -> Answer:
    """What becomes of a request for which there was no token or no endpoint."""
    pause = error.pause if isinstance(error, ExchangeError | BackedOffError) else None
    return Answer(Outcome.NOT_SENT, None, f"not sent: {error}", pause)
