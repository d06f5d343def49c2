# SPDX-License-Identifier: GPL-3.0-or-later
"""Issues the simulated CXone's tokens (RS256), and recognises them without verifying signatures."""

from __future__ import annotations

import functools
import json
import secrets
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from agent.simulators.cxone.knobs import Knobs, Tenant

_KEY_ID: Final = "cxone-simulator-1"
_KEPT: Final = 10_000


@functools.cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_set() -> dict[str, object]:
    """The public key as a JSON Web Key Set (RFC 7517)."""
    public = json.loads(RSAAlgorithm.to_jwk(_key().public_key()))
    return {"keys": [public | {"kid": _KEY_ID, "use": "sig", "alg": "RS256"}]}


@dataclass(slots=True)
class Issued:
    """An issued token. ``until`` is in seconds since the epoch."""

    number: int
    tenant: Tenant
    born: float
    until: float
    revoked: bool = False


class Mint:
    """Issues tokens, recognises those it issued, counts requests."""

    def __init__(self) -> None:
        self._issued: dict[str, Issued] = {}
        self._refreshable: dict[str, Tenant] = {}
        self.issued_total = 0
        self.requests = 0
        self.refusals: Counter[str] = Counter()

    def issue(self, tenant: Tenant, issuer: str, knobs: Knobs) -> dict[str, object]:
        """A token answer (RFC 6749 section 5.1) with access, refresh and id token for a tenant's employee."""
        now = time.time()
        self._prune(now)
        self.issued_total += 1
        claims = _claims(tenant, issuer, now, knobs.expires_in)
        access = _sign(claims | {"jti": uuid.uuid4().hex, "scope": "AdminAPI"})
        refresh = secrets.token_urlsafe(32)
        self._issued[access] = Issued(self.issued_total, tenant, now, now + knobs.expires_in)
        self._refreshable[refresh] = tenant
        expires_in = int(knobs.expires_in) if knobs.expires_in == int(knobs.expires_in) else knobs.expires_in
        return {
            "access_token": access,
            "token_type": "bearer",
            "expires_in": expires_in,
            "refresh_token": refresh,
            "id_token": _sign(claims),
        }

    def recognise(self, authorization: str, knobs: Knobs) -> Issued | None:
        """The token behind an Authorization header when it was issued here and is still valid."""
        scheme, _, token = authorization.partition(" ")
        issued = self._issued.get(token)
        now = time.time()
        if scheme.lower() != "bearer" or issued is None or issued.revoked or now >= issued.until:
            return None
        if knobs.early_reject_after is not None and now >= issued.born + knobs.early_reject_after:
            return None
        return issued

    def refreshed(self, refresh_token: str) -> Tenant | None:
        """The tenant of a refresh token, which can be used once."""
        return self._refreshable.pop(refresh_token, None)

    def revoke_all(self) -> None:
        """Revoke every token issued so far."""
        self._issued.clear()
        self._refreshable.clear()

    def clear_counts(self) -> None:
        """Reset the counters; tokens stay valid."""
        self.issued_total = self.requests = 0
        self.refusals.clear()

    def counts(self) -> dict[str, object]:
        """How many tokens were asked for, issued and refused (by error) since the last reset."""
        return {
            "requests": self.requests,
            "issued": self.issued_total,
            "refused": sum(self.refusals.values()),
            "refusals": dict(self.refusals),
        }

    def _prune(self, now: float) -> None:
        for token in [token for token, issued in self._issued.items() if now >= issued.until]:
            del self._issued[token]
        for table in (self._issued, self._refreshable):
            while len(table) >= _KEPT:
                del table[next(iter(table))]


def _claims(tenant: Tenant, issuer: str, now: float, expires_in: float) -> dict[str, object]:
    user = uuid.uuid5(uuid.NAMESPACE_URL, tenant.tenant_id + tenant.access_key_id)
    return {
        "iss": issuer,
        "sub": f"user:{user}",
        "aud": tenant.client_id,
        "iat": int(now),
        "exp": int(now + expires_in) + 1,
        "tenantId": tenant.tenant_id,
        "tenant": tenant.name,
        "icBUId": tenant.business_unit,
        "icClusterId": tenant.cluster,
        "icAgentId": "1001",
        "userId": str(user),
        "name": "Handoff Agent",
    }


def _sign(claims: dict[str, object]) -> str:
    return jwt.encode(claims, _key(), algorithm="RS256", headers={"kid": _KEY_ID})
