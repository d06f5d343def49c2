# SPDX-License-Identifier: GPL-3.0-or-later
"""One token request: the password grant at the issuer's token endpoint, and what comes of it."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import quote

from agent.core.errors import CxoneError
from agent.core.model.cxone import CxoneTenant
from agent.core.token_errors import ELSE_TO_CHECK, TOKEN_ERRORS
from agent.cxone import claims
from agent.cxone.exchange import ExchangeError, fetch
from agent.web.client import Client

_PERMANENT_STATUSES: Final = frozenset({400, 401, 403})
_WHAT: Final = "log-in at the issuer"


@dataclass(frozen=True, slots=True)
class Credential:
    """Who asks for a token, and where: everything that changes what the issuer would answer."""

    issuer: str
    client_id: str
    access_key_id: str
    client_secret: str = field(repr=False)
    access_key_secret: str = field(repr=False)
    auth: Literal["basic", "post"]
    percent_encode: bool

    @classmethod
    def of(cls, cxone: CxoneTenant) -> Credential:
        """The credential that a project's settings name."""
        return cls(
            cxone.issuer,
            cxone.client_id,
            cxone.access_key_id,
            cxone.client_secret.get_secret_value(),
            cxone.access_key_secret.get_secret_value(),
            cxone.token_endpoint_auth,
            cxone.percent_encode_credentials,
        )

    @property
    def secrets(self) -> tuple[str, str]:
        """What must never show up in a text."""
        return self.client_secret, self.access_key_secret


@dataclass(frozen=True, slots=True)
class Token:
    """An access token. Times are seconds since the epoch."""

    access: str = field(repr=False)
    claims: claims.Claims
    born: float
    renew_at: float
    expires: float


class TokenRequestRefusedError(CxoneError):
    """The issuer gives this credential no token until somebody changes something (client, key, employee)."""

    def __init__(self, text: str, error: str) -> None:
        super().__init__(text)
        self.error = error


async def request_token(
    session: Client,
    endpoint: str,
    who: Credential,
    seconds: float,
    now: float,
) -> Token:
    """Ask for a token.

    Args:
        session: to ask with.
        endpoint: the token endpoint, on a host that may be trusted.
        who: the credential.
        seconds: for the exchange.
        now: seconds since the epoch.

    Raises:
        TokenRequestRefusedError: the credential is not accepted (a `TokenError`, or status 400, 401 or 403).
        CxoneError: the issuer could not be asked, or its answer makes no sense.
    """
    form = {"grant_type": "password", "username": who.access_key_id, "password": who.access_key_secret}
    headers = {}
    if who.auth == "basic":
        headers["Authorization"] = _basic(who)
    else:
        form |= {"client_id": who.client_id, "client_secret": who.client_secret}
    try:
        document = await fetch(
            session, _WHAT, endpoint, seconds, now=now, form=form, headers=headers, secrets=who.secrets
        )
    except ExchangeError as refused:
        known = TOKEN_ERRORS.get(refused.error)
        if known is not None or refused.status in _PERMANENT_STATUSES:
            check = ELSE_TO_CHECK if known is None else known.check
            raise TokenRequestRefusedError(f"{refused}; {check}", refused.error) from None
        raise
    return _token(document, now)


def _basic(who: Credential) -> str:
    name, secret = who.client_id, who.client_secret
    if who.percent_encode:
        name, secret = quote(name, safe=""), quote(secret, safe="")
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


def _token(document: dict[str, object], now: float) -> Token:
    access = document.get("access_token")
    if not isinstance(access, str) or not access or not access.isascii() or not access.isprintable():
        raise _nonsense("has no usable access_token")
    lifetime = _seconds(document.get("expires_in"))
    margin = min(max(lifetime * 0.1, 60.0), lifetime * 0.25)
    return Token(access, claims.read(document.get("id_token")), now, now + lifetime - margin, now + lifetime)


def _seconds(value: object) -> float:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            seconds = float(value)
        except (ValueError, OverflowError):
            seconds = math.nan
        if math.isfinite(seconds) and seconds > 0:
            return seconds
    raise _nonsense("has no usable expires_in")


def _nonsense(text: str) -> CxoneError:
    error = CxoneError(f"{_WHAT}: the answer {text}")
    error.retryable = True
    return error
