# SPDX-License-Identifier: GPL-3.0-or-later
"""What it means that no answer came, how long to wait, and what may be told of it. Pure: no clock."""

from __future__ import annotations

import ssl
from collections.abc import Collection, Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from agent.core.failures import Failure
from agent.core.outcomes import Answer, Outcome

_DETAIL_LENGTH: Final = 200
_WORTH_HIDING: Final = 3
_LONGEST_WAIT: Final = 86_400.0


class NoAnswerError(Exception):
    """No answer came to a request.

    Attributes:
        words: what happened, by its kind: an error's own text may hold the URL, and with it parameter values.
        may_have_left: whether bytes of the request may have left this machine.
    """

    def __init__(self, words: str, *, may_have_left: bool) -> None:
        super().__init__(words)
        self.words, self.may_have_left = words, may_have_left


def of_failure(error: NoAnswerError) -> Answer:
    """What it means for one try that no answer came."""
    outcome = Outcome.UNCERTAIN if error.may_have_left else Outcome.NOT_SENT
    return Answer(outcome, None, error.words)


def not_connected(error: OSError) -> NoAnswerError:
    """Why there is no connection."""
    match error:
        case ssl.SSLCertVerificationError():
            words = Failure.CERTIFICATE.value
        case ssl.SSLError():
            words = Failure.NO_TLS.value
        case _:
            words = redacted(f"{Failure.NOT_CONNECTED.value}: {error.strerror or 'no reason given'}")
    return NoAnswerError(words, may_have_left=False)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a Retry-After header asks for (RFC 9110 section 10.2.3: seconds or a date), if it does."""
    value = headers.get("Retry-After", "")
    if not value or not (value := value.strip()):
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
    if not text:
        return ""
    for secret in sorted((s for s in secrets if len(s) >= _WORTH_HIDING), key=len, reverse=True):
        text = text.replace(secret, "…")
    line = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(line.split())[:_DETAIL_LENGTH]
