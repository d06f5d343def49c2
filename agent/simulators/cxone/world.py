# SPDX-License-Identifier: GPL-3.0-or-later
"""All that the endpoints of the simulated CXone share."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from aiohttp import web

from agent.simulators.cxone.faults import Fault, Faults
from agent.simulators.cxone.knobs import Knobs, Tenant
from agent.simulators.cxone.ledger import Ledger, Transcripts
from agent.simulators.cxone.studio import Studio
from agent.simulators.cxone.tokens import Mint


class World:
    """The simulated platform's state; lives on the event loop."""

    def __init__(self, tenants: Iterable[Tenant], knobs: Knobs) -> None:
        self._tenants_at_start = tuple(tenants)
        self._knobs_at_start = knobs.model_copy()
        self.knobs = knobs
        self.faults = Faults()
        self.ledger = Ledger()
        self.transcripts = Transcripts()
        self.studio = Studio(knobs)
        self.mint = Mint()
        self.tenants = {tenant.tenant_id: tenant for tenant in self._tenants_at_start}
        self._buckets: dict[str, tuple[float, float]] = {}

    def reset(self) -> None:
        """Reset to the state at the start; issued tokens stay valid."""
        self.faults.clear()
        self.ledger = Ledger()
        self.transcripts = Transcripts()
        self.mint.clear_counts()
        self.tenants = {tenant.tenant_id: tenant for tenant in self._tenants_at_start}
        self._buckets.clear()
        self.studio.clear()
        self.restore_knobs()

    def restore_knobs(self) -> None:
        """Reset every knob to its value at the start."""
        self.turn(dict(self._knobs_at_start))

    def turn(self, changes: dict[str, object]) -> None:
        """Turn knobs, all or none.

        Raises:
            pydantic.ValidationError: a name or value is wrong; nothing was changed.
        """
        turned = Knobs.model_validate(self.knobs.model_dump() | changes)
        for name in Knobs.model_fields:
            setattr(self.knobs, name, getattr(turned, name))

    def tenant_of_client(self, client_id: str, client_secret: str) -> Tenant | None:
        """The tenant whose application has these credentials."""
        for tenant in self.tenants.values():
            if _same(client_id, tenant.client_id) and _same(client_secret, tenant.client_secret):
                return tenant
        return None

    def tenant_of_key(self, key_id: str, secret: str) -> Tenant | None:
        """The tenant whose access key this is, unless the key or its employee is inactive."""
        if not self.knobs.access_key_active or not self.knobs.employee_active:
            return None
        for tenant in self.tenants.values():
            if _same(key_id, tenant.access_key_id) and _same(secret, tenant.access_key_secret):
                return tenant
        return None

    def wait_for_bucket(self, tenant_id: str, now: float) -> float | None:
        """Take one request from the tenant's token bucket; seconds to wait when it is empty."""
        rate = self.knobs.rate
        if rate is None:
            return None
        level, at = self._buckets.get(tenant_id, (float(self.knobs.burst), now))
        level = min(self.knobs.burst, level + (now - at) * rate)
        if level < 1:
            self._buckets[tenant_id] = (level, now)
            return (1 - level) / rate
        self._buckets[tenant_id] = (level - 1, now)
        return None

    def fault(self, target: str, contact_id: str = "") -> Fault | None:
        """The fault that hits this request, if any."""
        return self.faults.take(target, contact_id)


def base_url(request: web.Request) -> str:
    """The simulator's own address as its client wrote it: issuer and api_endpoint point back here."""
    return f"{request.scheme}://{request.host}"


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())
