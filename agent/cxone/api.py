# SPDX-License-Identifier: GPL-3.0-or-later
"""One request to a tenant's API, with its token, and what the answer means."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from agent.core.outcomes import Answer
from agent.cxone.access import Access, Request
from agent.cxone.answers import of_response
from agent.identifiers import fresh
from agent.telemetry.logs import call_facts, logger
from agent.web.client import Client
from agent.web.failures import NoAnswerError, of_failure

_log: Final = logger("cxone")

_BEGINNING: Final = 65_536
"""So many bytes of an answer are worth reading."""


async def ask(
    client: Client,
    access: Access,
    request: Request,
    seconds: float,
    *,
    secrets: Callable[[], Iterable[str]],
    clock: Callable[[], float],
    event: str,
) -> Answer:
    """Send a request once.

    Args:
        client: to send with.
        access: to the tenant; the request is one of it.
        request: what to send.
        seconds: for all of it.
        secrets: gives the texts that must not show up in the answer's detail, besides the token; asked only
            when NICE says something, since it may repeat what it was sent.
        clock: seconds since the epoch.
        event: what the log calls it.

    Returns:
        What became of it. Nothing that NICE or the network does is raised.
    """
    correlation_id = fresh() + fresh()
    try:
        response = await client.request(
            request.to, request.whole(correlation_id), seconds=seconds, limit=_BEGINNING
        )
    except NoAnswerError as error:
        answer = of_failure(error)
    else:
        headers = response.headers
        hidden = (access.token.access, *secrets()) if "icStatusDescription" in headers else ()
        answer = of_response(response.status, headers, response.text, clock(), hidden)
    log = _log.debug if answer.accepted else _log.warning
    log(
        event,
        outcome=answer.outcome.value,
        status=answer.status,
        detail=answer.detail,
        correlation_id=correlation_id,
        **call_facts(),
    )
    return answer
