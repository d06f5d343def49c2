# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the claims of an id_token.

Its signature is not verified: the token comes straight from the issuer over TLS, in answer to our own request
(OpenID Connect Core section 3.1.3.7 point 6), and is used only to learn whose the access key is.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Final

from agent.core.errors import CxoneError

_LONGEST: Final = 65_536


class WrongBusinessUnitError(CxoneError):
    """The access key is one of another customer: only a change of the configuration helps."""


@dataclass(frozen=True, slots=True)
class Claims:
    """Whom a token belongs to: tenant (uuid), business unit (empty when not told), and who says so."""

    tenant_id: str
    business_unit: str
    issuer: str


def read(id_token: object) -> Claims:
    """Take tenantId, icBUId and iss out of an id_token.

    Raises:
        CxoneError: it is no JSON Web Token, or names no tenant or issuer.
    """
    payload = _payload(id_token)
    tenant_id, issuer, unit = payload.get("tenantId"), payload.get("iss"), payload.get("icBUId")
    if not isinstance(tenant_id, str) or not tenant_id or not tenant_id.isprintable():
        raise CxoneError("the issuer's id_token names no tenantId; is the access key of a CXone user?")
    if not isinstance(issuer, str) or not issuer:
        raise CxoneError("the issuer's id_token names no iss")
    return Claims(tenant_id, str(unit) if isinstance(unit, str | int) else "", issuer.rstrip("/"))


def check_business_unit(claims: Claims, configured: str) -> None:
    """Refuse a key of another customer. An id_token that names no business unit can't be checked and passes.

    Raises:
        WrongBusinessUnitError: the access key belongs to a business unit other than the project's.
    """
    if claims.business_unit and claims.business_unit != configured:
        raise WrongBusinessUnitError(
            f"the access key belongs to business unit {claims.business_unit}, "
            f"but the project's cxone.business_unit is {configured}; nothing is sent"
        )


def _payload(id_token: object) -> dict[str, object]:
    wrong = CxoneError("the issuer's answer has no usable id_token")
    if not isinstance(id_token, str) or len(id_token) > _LONGEST or id_token.count(".") != 2:  # noqa: PLR2004
        raise wrong
    part = id_token.split(".")[1]
    try:
        payload = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):  # no base64, no JSON, or nested too deeply
        raise wrong from None
    if not isinstance(payload, dict):
        raise wrong
    return payload
