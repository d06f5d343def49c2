# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer of the Signal API, or the lack of one, means. Pure: no socket, no clock of its own."""

from __future__ import annotations

import re
import ssl
from collections.abc import Collection, Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from agent.core.failures import Failure
from agent.core.outcomes import Answer, Outcome, of_status

_DETAIL_LENGTH: Final = 200
_WORTH_HIDING: Final = 3
_LONGEST_WAIT: Final = 86_400.0
_ABOUT_TOKEN: Final = re.compile(
    r"token\W.{0,40}(expired|invalid)|(expired|invalid)\W+token|invalid_token", re.IGNORECASE
)


def of_response(
    status: int, headers: Mapping[str, str], body: str, now: float, secrets: Collection[str] = ()
) -> Answer:
    """Classify an HTTP answer of the Signal API.

    Args:
        status: the HTTP status.
        headers: its headers; names in any case when the mapping is case-insensitive, as aiohttp's is.
        body: the text of the body, or its beginning.
        now: seconds since the epoch, to turn a Retry-After date into seconds.
        secrets: texts that must not show up in the answer's detail (token, parameter values).
    """
    outcome = _outcome(status, headers, body)
    described = headers.get("icStatusDescription", "")
    if not described:
        described = _own_words(outcome, status, page=_is_page(headers, body))
    return Answer(outcome, status, redacted(described, secrets), retry_after(headers, now))


def of_failure(error: BaseException, *, may_have_left: bool) -> Answer:
    """Classify an exception that came instead of an answer.

    Args:
        error: what aiohttp or the event loop raised.
        may_have_left: whether bytes of the request may have left this machine.
    """
    outcome = Outcome.UNCERTAIN if may_have_left else Outcome.NOT_SENT
    return Answer(outcome, None, _failure_in_words(error, may_have_left=may_have_left))


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110 section 10.2.3: seconds or a date), if it does."""
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except (ValueError, OverflowError):
            return None
    if seconds != seconds:  # noqa: PLR0124 - NaN
        return None
    return min(max(seconds, 0.0), _LONGEST_WAIT)


def redacted(text: str, secrets: Collection[str] = ()) -> str:
    """One printable line of at most 200 characters in which none of the secrets stands."""
    for secret in sorted((s for s in secrets if len(s) >= _WORTH_HIDING), key=len, reverse=True):
        text = text.replace(secret, "…")
    line = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(line.split())[:_DETAIL_LENGTH]


def _outcome(status: int, headers: Mapping[str, str], body: str) -> Outcome:
    """What the status means, but for two things seen in the field."""
    if status == 400 and _ABOUT_TOKEN.search(body[:2000]):  # noqa: PLR2004
        # a sibling service is known to report a rejected token under 400 (Cognigy's TMS client)
        return Outcome.UNAUTHORIZED
    outcome = of_status(status)
    return Outcome.SERVER_FAULT if outcome is Outcome.ACCEPTED and _is_page(headers, body) else outcome


def _is_page(headers: Mapping[str, str], body: str) -> bool:
    """Whether a gateway's web page came; an empty body of type HTML is no page but a server's default."""
    body = body.strip()
    return bool(body) and (body.startswith("<") or "html" in headers.get("Content-Type", "").lower())


def _own_words(outcome: Outcome, status: int, *, page: bool) -> str:
    if page:
        return f"a web page came instead of an answer (HTTP {status})"
    if 300 <= status < 400:  # noqa: PLR2004
        return f"a redirect came instead of an answer (HTTP {status}); it is not followed"
    return "" if outcome is Outcome.ACCEPTED else f"HTTP {status}"


def _failure_in_words(error: BaseException, *, may_have_left: bool) -> str:
    """Words by the kind of error: the error's own text may hold the URL, and with it parameter values."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return Failure.NO_ADDRESS.value
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            return Failure.CERTIFICATE.value
        case aiohttp.ClientSSLError():
            return Failure.NO_TLS.value
        case aiohttp.ClientConnectorError():
            why = error.os_error.strerror or "no reason given"
            return redacted(f"{Failure.NOT_CONNECTED.value}: {why}")
        case TimeoutError():
            return (Failure.TIMEOUT if may_have_left else Failure.CONNECT_TIMEOUT).value
        case aiohttp.ServerDisconnectedError() | ConnectionError() | aiohttp.ClientOSError():
            return Failure.LOST.value
        case _:
            return f"the exchange failed ({type(error).__name__})"
