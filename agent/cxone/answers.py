# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer of NICE's API means. Pure: no socket, no clock of its own."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from agent.core.outcomes import Answer, Outcome, of_status
from agent.web.failures import redacted, retry_after

# What NICE's API is known to answer, and 201, which would mean the same. 203 is by its definition a proxy's
# (RFC 9110 section 15.3.4), and the others answer what was not asked.
_TAKEN: Final = frozenset({200, 201, 202, 204})
_ABOUT_TOKEN: Final = re.compile(
    r"token\W.{0,40}(expired|invalid)|(expired|invalid)\W+token|invalid_token", re.IGNORECASE
)


def of_response(
    status: int, headers: Mapping[str, str], body: str, now: float, secrets: Collection[str] = ()
) -> Answer:
    """Classify an HTTP answer of the Signal API.

    Args:
        status: the HTTP status.
        headers: its headers; names in any case when the mapping is case-insensitive, as `Fields` is.
        body: the text of the body, or its beginning.
        now: seconds since the epoch, to turn a Retry-After date into seconds.
        secrets: texts that must not show up in the answer's detail (token, parameter values).
    """
    outcome = _outcome(status, headers, body)
    described = headers.get("icStatusDescription", "")
    if not described:
        described = _own_words(outcome, status, page=_is_page(headers, body))
    return Answer(outcome, status, redacted(described, secrets), retry_after(headers, now))


def _outcome(status: int, headers: Mapping[str, str], body: str) -> Outcome:
    """What the status means, but for two things seen in the field, and for what can't be NICE's."""
    if status == 400 and _ABOUT_TOKEN.search(body[:2000]):  # noqa: PLR2004
        # a sibling service is known to report a rejected token under 400 (Cognigy's TMS client)
        return Outcome.UNAUTHORIZED
    outcome = of_status(status)
    if outcome is Outcome.ACCEPTED and (status not in _TAKEN or _is_page(headers, body)):
        return Outcome.SERVER_FAULT
    return outcome


def _is_page(headers: Mapping[str, str], body: str) -> bool:
    """Whether a gateway's web page came; an empty body of type HTML is no page but a server's default."""
    body = body.strip()
    return bool(body) and (body.startswith("<") or "html" in headers.get("Content-Type", "").lower())


def _own_words(outcome: Outcome, status: int, *, page: bool) -> str:
    if page:
        return f"a web page came instead of an answer (HTTP {status})"
    if 300 <= status < 400:  # noqa: PLR2004
        return f"a redirect came instead of an answer (HTTP {status}); it is not followed"
    if 200 <= status < 300 and status not in _TAKEN:  # noqa: PLR2004
        return f"an answer came that this API does not give (HTTP {status})"
    return "" if outcome is Outcome.ACCEPTED else f"HTTP {status}"
