# SPDX-License-Identifier: GPL-3.0-or-later
"""What it means that no answer came, how long to wait, and what may be told of it. Pure: no clock."""

from __future__ import annotations

import ssl
from collections.abc import Collection, Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from agent.core.failures import Failure
from agent.core.outcomes import Answer, Outcome

_DETAIL_LENGTH: Final = 200
_WORTH_HIDING: Final = 3
_LONGEST_WAIT: Final = 86_400.0


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
