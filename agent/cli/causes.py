# SPDX-License-Identifier: GPL-3.0-or-later
"""Likely causes of what goes wrong with NICE CXone, and what to do; from what integrators reported. Pure."""

from __future__ import annotations

from typing import Final, TypeAlias

from agent.core.errors import CxoneError
from agent.core.model.cxone import CxoneTenant
from agent.cxone.answers import Answer, Outcome
from agent.cxone.exchange import ExchangeError
from agent.cxone.login import LoginRefusedError

Advice: TypeAlias = tuple[str, str]
"""The likely cause, and what to do."""

_NETWORK: Final[tuple[tuple[str, Advice], ...]] = (
    (
        "could not be resolved",
        ("DNS of this machine, or a slip in the host", "getent hosts HOST; check cxone.issuer"),
    ),
    (
        "certificate was not accepted",
        ("a proxy that opens TLS, or a clock far off", "install the proxy's CA, or let NICE's hosts pass it"),
    ),
    ("no TLS connection", ("a firewall or proxy in the way", "let this machine reach NICE's hosts on 443")),
    (
        "could not connect",
        ("a firewall, or nothing listens there", "let this machine reach NICE's hosts on 443"),
    ),
    ("no connection in time", ("a firewall that drops", "let this machine reach NICE's hosts on 443")),
    ("no answer in time", ("NICE or the way there is slow", "try again; raise cxone.timeout if it stays so")),
    ("connection was lost", ("a proxy or balancer in the way", "try again; look for a proxy that cuts")),
)
_PAGE: Final = "web page"
_BAD_REQUEST: Final = 400
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_TOO_MANY: Final = 429
_FAULTS: Final = range(500, 600)

_SIGNAL: Final[dict[Outcome, Advice]] = {
    Outcome.UNKNOWN_CONTACT: (
        "the contact has ended, or this is the master contact id and not the spawned one",
        "take a contact that waits in its script now, by the id that the script's ContactId has",
    ),
    Outcome.BAD_REQUEST: (
        "the contact id is none, or this API version or place of the parameters is not served",
        "check the id; try cxone.parameters: query, or another cxone.api_version",
    ),
    Outcome.UNAUTHORIZED: (
        "the API refuses tokens of this issuer: the access key is of another region or tenant",
        "check cxone.issuer against the tenant's region",
    ),
    Outcome.FORBIDDEN: (
        "the role of the access key's employee lacks the permission, or the application lacks AdminAPI",
        "give the employee a role with it; ask NICE which API types the application was approved for",
    ),
    Outcome.THROTTLED: (
        "too many requests of this tenant",
        "wait as long as it asks; see who else uses the API",
    ),
    Outcome.UNAVAILABLE: ("NICE is overloaded or under maintenance", "try again; see NICE's status page"),
    Outcome.SERVER_FAULT: (
        "a fault or a gateway at NICE; the signal may have taken effect",
        "look at the contact before another try; see NICE's status page",
    ),
    Outcome.UNCERTAIN: (
        "no answer came; the signal may have taken effect",
        "look at the contact before another try",
    ),
    Outcome.NOT_SENT: ("the way to the API is cut", "let this machine reach the API's host on 443"),
}


def of_openid(error: CxoneError) -> Advice:
    """Why the issuer's openid-configuration can't be had."""
    status = error.status if isinstance(error, ExchangeError) else None
    if network := _of_network(error):
        return network
    if status in _FAULTS:
        return "a fault at NICE", "try again; see NICE's status page"
    if _PAGE in str(error) or status in (_NOT_FOUND, 200) or status in range(300, 400):
        return (
            "this is no issuer: the address of a portal or of a wrong region",
            "cxone.issuer is https://cxone.niceincontact.com, or what NICE named for your region",
        )
    return "", "see what it said"


def of_log_in(error: CxoneError, cxone: CxoneTenant) -> Advice:
    """Why no token was issued."""
    code = error.error if isinstance(error, LoginRefusedError | ExchangeError) else ""
    if code in ("invalid_client", "unauthorized_client"):
        basic = cxone.token_endpoint_auth == "basic"  # noqa: S105 - a way to send secrets, none itself
        percent = str(not cxone.percent_encode_credentials).lower()
        cause = (
            "NICE has not approved the application yet (2 or 3 work days), or client id or secret is wrong"
        )
        remedy = (
            f"token_endpoint_auth: {'post' if basic else 'basic'}, or percent_encode_credentials: {percent}"
        )
        return cause, f"check both; then try {remedy}"
    if code == "invalid_grant":
        return (
            "the access key is wrong (it ends in ====), was made inactive, or its employee was deactivated",
            "look at the employee and the key in CXone's Admin; make a new key if in doubt",
        )
    if network := _of_network(error):
        return network
    status = error.status if isinstance(error, ExchangeError) else None
    if status == _TOO_MANY:
        return "too many log-ins with this credential", "see who else uses it; wait"
    if status in _FAULTS or _PAGE in str(error):
        return "a fault or a gateway at NICE", "try again; see NICE's status page"
    if "id_token" in str(error):
        return (
            "the application was not made for OpenID, or the key is not of a CXone user",
            "register it as Back-End, single tenant, global",
        )
    return "the request was not understood", "check cxone.issuer and the region"


def of_discovery(error: CxoneError) -> Advice:
    """Why the tenant's endpoint can't be had."""
    status = error.status if isinstance(error, ExchangeError) else None
    if network := _of_network(error):
        return network
    if status in (_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND):
        return "the issuer does not know this tenant: a wrong region", "check cxone.issuer against the region"
    if "allow_hosts" in str(error):
        return "the API is on a host that is not NICE's usual", "if it is right, add it to cxone.allow_hosts"
    return "a fault or a gateway at NICE", "try again; see NICE's status page"


def of_signal(answer: Answer) -> Advice:
    """Why a signal was not accepted."""
    return _SIGNAL.get(answer.outcome, ("", "see what it said"))


def _of_network(error: CxoneError) -> Advice | None:
    text = str(error)
    return next((advice for words, advice in _NETWORK if words in text), None)
