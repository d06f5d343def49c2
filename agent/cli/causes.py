# SPDX-License-Identifier: GPL-3.0-or-later
"""Likely causes of what goes wrong with NICE CXone, and what to do; from what integrators reported. Pure."""

from __future__ import annotations

from typing import Final

from agent.core.advice import NO_ADVICE, Advice
from agent.core.errors import CxoneError
from agent.core.failures import advice_for
from agent.core.model.cxone import CxoneTenant
from agent.core.outcomes import Answer
from agent.core.token_errors import NOT_UNDERSTOOD, TOKEN_ERRORS
from agent.cxone.exchange import ExchangeError
from agent.cxone.token_request import TokenRequestRefusedError

_PAGE: Final = "web page"
_BAD_REQUEST: Final = 400
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_TOO_MANY: Final = 429
_FAULTS: Final = range(500, 600)
_TRY_AGAIN: Final = "try again; see NICE's status page"
_FAULT: Final = Advice("a fault or a gateway at NICE", _TRY_AGAIN)


def of_openid(error: CxoneError) -> Advice:
    """Why the issuer's openid-configuration can't be had."""
    status = error.status if isinstance(error, ExchangeError) else None
    if network := advice_for(str(error)):
        return network
    if status in _FAULTS:
        return Advice("a fault at NICE", _TRY_AGAIN)
    if _PAGE in str(error) or status in (_NOT_FOUND, 200) or status in range(300, 400):
        return Advice(
            "this is no issuer: the address of a portal or of a wrong region",
            "cxone.issuer is https://cxone.niceincontact.com, or what NICE named for your region",
        )
    return NO_ADVICE


def of_token_request(error: CxoneError, cxone: CxoneTenant) -> Advice:
    """Why no token was issued."""
    code = error.error if isinstance(error, TokenRequestRefusedError | ExchangeError) else ""
    if (known := TOKEN_ERRORS.get(code)) is not None:
        basic = cxone.token_endpoint_auth == "basic"  # noqa: S105 - a way to send secrets, none itself
        percent = str(not cxone.percent_encode_credentials).lower()
        remedy = known.advice.remedy.format(auth="post" if basic else "basic", percent=percent)
        return Advice(known.advice.cause, remedy)
    if network := advice_for(str(error)):
        return network
    status = error.status if isinstance(error, ExchangeError) else None
    if status == _TOO_MANY:
        return Advice("too many log-ins with this credential", "see who else uses it; wait")
    if status in _FAULTS or _PAGE in str(error):
        return _FAULT
    if "id_token" in str(error):
        return Advice(
            "the application was not made for OpenID, or the key is not of a CXone user",
            "register it as Back-End, single tenant, global",
        )
    return NOT_UNDERSTOOD


def of_discovery(error: CxoneError) -> Advice:
    """Why the tenant's endpoint can't be had."""
    status = error.status if isinstance(error, ExchangeError) else None
    if network := advice_for(str(error)):
        return network
    if status in (_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND):
        return Advice(
            "the issuer does not know this tenant: a wrong region", "check cxone.issuer against the region"
        )
    if "allow_hosts" in str(error):
        return Advice(
            "the API is on a host that is not NICE's usual", "if it is right, add it to cxone.allow_hosts"
        )
    return _FAULT


def of_signal(answer: Answer) -> Advice:
    """Why a signal was not accepted."""
    return answer.outcome.meaning.advice
