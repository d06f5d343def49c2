# SPDX-License-Identifier: GPL-3.0-or-later
"""What NICE's APIs answer: a row per answer, by the name under which a fault can ask for it.

The endpoints refuse with these rows as well. `Answer.outcome` is what a client should make of it, named as in
`agent.core.outcomes`; a test sends each to the agent's own client.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer of the Signal API or TMS, or what comes instead of one.

    Attributes:
        outcome: what a client should make of it.
        status: of HTTP.
        description: the header icStatusDescription.
        body: text.
        fault: what else there is to it, as a `Fault` has it.
    """

    outcome: str
    status: int = 200
    description: str = ""
    body: str = ""
    fault: Mapping[str, object] = field(default_factory=dict)

    def as_fault(self) -> dict[str, object]:
        """The fields of the fault that gives it."""
        return {
            "mode": "status",
            "status": self.status,
            "description": self.description,
            "body": self.body,
            **self.fault,
        }


ANSWERS: Final[Mapping[str, Answer]] = {
    "accepted": Answer(outcome="accepted", status=202, fault={"accept": True}),
    "bad_request": Answer(outcome="bad_request", status=400, description="Bad Request"),
    "invalid_parameter": Answer(outcome="bad_request", status=400, description="Invalid parameter 'p1'"),
    "method_not_allowed": Answer(outcome="bad_request", status=405, description="Method Not Allowed"),
    "uri_too_long": Answer(outcome="bad_request", status=414, description="Request-URI Too Long"),
    "unauthorized": Answer(outcome="unauthorized", status=401, description="Unauthorized"),
    "token_expired": Answer(
        outcome="unauthorized", status=400, body='{"message": "The token has expired"}'
    ),  # so TMS says it
    "forbidden": Answer(outcome="forbidden", status=403, description="Forbidden"),
    "invalid_contact": Answer(outcome="unknown_contact", status=404, description="InvalidContactId"),
    "no_resource": Answer(
        outcome="unknown_contact", status=404, description="resource not found", body="resource not found"
    ),
    "too_many": Answer(
        outcome="throttled", status=429, description="Too Many Requests", fault={"retry_after": 1}
    ),
    "unavailable": Answer(outcome="unavailable", status=503, description="Service Unavailable"),
    "server_error": Answer(outcome="server_fault", status=500, description="Internal Server Error"),
    "bad_gateway": Answer(outcome="server_fault", status=502, description="Bad Gateway"),
    "gateway_timeout": Answer(outcome="server_fault", status=504, description="Gateway Timeout"),
    "misdirected": Answer(outcome="server_fault", status=421, description="Misdirected Request"),
    "redirect": Answer(outcome="server_fault", status=302),
    "page": Answer(outcome="server_fault", fault={"mode": "html_200"}),
    "reset": Answer(outcome="uncertain", fault={"mode": "reset_before"}),
    "reset_after_effect": Answer(outcome="uncertain", fault={"mode": "reset_after"}),
}
