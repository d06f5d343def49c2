# SPDX-License-Identifier: GPL-3.0-or-later
"""What may become of one try to signal a contact, or to post to somebody. Pure data that delivery acts on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """What became of one try to signal."""

    ACCEPTED = "accepted"
    """Any 2xx, normally 202: NICE took it in. Not a proof that the script's Onsignal ran."""
    UNKNOWN_CONTACT = "unknown_contact"
    """404: no such contact, or it has ended. Final, and no fault of the service."""
    BAD_REQUEST = "bad_request"
    """400, 405, 414 and other 4xx: this request will never be taken."""
    UNAUTHORIZED = "unauthorized"
    """401, with a fresh token too."""
    FORBIDDEN = "forbidden"
    """403: the application or the access key's employee lacks the permission."""
    THROTTLED = "throttled"
    """429."""
    UNAVAILABLE = "unavailable"
    """503."""
    SERVER_FAULT = "server_fault"
    """500, 502, 504, a redirect, or a web page instead of an answer; it may have taken effect."""
    NOT_SENT = "not_sent"
    """Surely no byte of the request left: no connection, no log-in, no discovery."""
    UNCERTAIN = "uncertain"
    """Time-out or reset after bytes may have left: it may have taken effect."""
    BREAKER_OPEN = "breaker_open"
    """Not tried: the tenant's circuit breaker is open."""


_SURELY_WITHOUT_EFFECT: Final = frozenset(
    {
        Outcome.NOT_SENT,
        Outcome.BREAKER_OPEN,
        Outcome.UNAUTHORIZED,
        Outcome.THROTTLED,
        Outcome.UNAVAILABLE,
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One try's outcome.

    ``status`` is the HTTP status when there was one, ``detail`` NICE's ``icStatusDescription`` or a line of
    ours (never a secret, a token or a parameter's value), ``retry_after`` seconds from now when the other
    side, or our own back-off, asked for a pause.
    """

    outcome: Outcome
    status: int | None
    detail: str
    retry_after: float | None = None

    @property
    def accepted(self) -> bool:
        """Whether NICE took the signal in."""
        return self.outcome is Outcome.ACCEPTED

    @property
    def may_retry(self) -> bool:
        """Whether the signal surely took no effect and a later try may go well.

        Server faults (500, 502, 504) are not among them; repeating those is a matter of policy.
        """
        return self.outcome in _SURELY_WITHOUT_EFFECT
