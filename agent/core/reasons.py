# SPDX-License-Identifier: GPL-3.0-or-later
"""Why an INVITE was refused or a call ended: one enum gives SIP code, text, metric label and record value."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Self

from agent.core.words import read_value


class Reason(Enum):
    """One reason. ``value`` is the metric label and what the call record holds.

    Attributes:
        code: the SIP status (RFC 3261 section 21) that the caller gets when it is refused for this reason;
            0 where the caller gets none, or has its answer already.
        text: what an operator reads, and the reason phrase on the wire.
    """

    code: int
    text: str
    if not TYPE_CHECKING:
        value = read_value

    def __new__(cls, value: str, code: int, text: str) -> Self:
        """Make a member whose value is its label."""
        member = object.__new__(cls)
        member._value_ = value
        member.code = code
        member.text = text
        return member

    # an INVITE that is not admitted
    UNKNOWN_SOURCE = "unknown_source", 403, "Source not allowed"
    UNAUTHORIZED = "unauthorized", 401, "Unauthorized"
    UNKNOWN_NUMBER = "unknown_number", 404, "Number not in the map"
    BAD_TOKEN = "bad_token", 403, "Connector token not accepted"
    MISSING_CONTACT_ID = "missing_contact_id", 400, "Contact id missing"
    BAD_CONTACT_ID = "bad_contact_id", 400, "Contact id not usable"
    DUPLICATE_CONTACT = "duplicate_contact", 486, "A call of this contact is up"
    OVER_LIMIT = "over_limit", 503, "Over limit"
    DRAINING = "draining", 503, "Draining"
    NOT_READY = "not_ready", 503, "Not ready"
    NO_CODEC = "no_codec", 488, "No common codec"
    BAD_OFFER = "bad_offer", 488, "Media of the offer not usable"
    MALFORMED = "malformed", 400, "Malformed request"
    TOO_MANY_HOPS = "too_many_hops", 483, "Too many hops"

    # what became of one that was
    ANSWERED = "answered", 200, "OK"
    CANCELLED = "cancelled", 487, "The caller gave up before an answer"
    NO_AGENT = "no_agent", 480, "No voice agent answered"
    NO_PRACK = "no_prack", 504, "The caller never acknowledged that it rings"
    HANDOFF = "handoff", 0, "The voice agent handed the caller back"
    SIGNAL_FAILED = "signal_failed", 0, "The voice agent kept a caller whose handoff was not signalled"
    COMPLETED = "completed", 0, "The voice agent hung up"
    CALLER_HUNG_UP = "caller_hung_up", 0, "The caller hung up"
    MEDIA_LOST = "media_lost", 0, "No audio arrived any more"
    NO_ACK = "no_ack", 0, "The caller never acknowledged the answer"
    SESSION_EXPIRED = "session_expired", 0, "The caller did not refresh the session"
    CALLER_LOST = "caller_lost", 0, "The caller's side could not be reached any more"
    AGENT_LOST = "agent_lost", 0, "The voice agent could not be reached any more"
    TOO_LONG = "too_long", 0, "The longest call duration was reached"
    OPERATOR = "operator", 0, "An operator ended the call"
    SHUTDOWN = "shutdown", 0, "The agent was stopped"
    PROCESS_DIED = "process_died", 0, "The agent's process died with the call up"
    INTERNAL = "internal", 500, "The agent could not go on with the call"


class End(Enum):
    """How a call ended; the ``end`` label of ``handoff_calls_total``."""

    if not TYPE_CHECKING:
        value = read_value

    HANDOFF = "handoff"
    COMPLETED = "completed"
    FAILED = "failed"
    CALLER = "caller"


_OF_STATUS = {
    403: Reason.UNKNOWN_SOURCE,
    486: Reason.OVER_LIMIT,  # every call slot is taken
    488: Reason.NO_CODEC,
    500: Reason.INTERNAL,
    503: Reason.OVER_LIMIT,
    606: Reason.NO_CODEC,
}


def of_status(status: int) -> Reason:
    """The reason behind a status that the SIP stack answered by itself."""
    return _OF_STATUS.get(status, Reason.MALFORMED)
