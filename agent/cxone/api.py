# SPDX-License-Identifier: GPL-3.0-or-later
"""One request to a tenant's API, with its token, and what the answer means."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from typing import Final

import aiohttp

from agent.core.outcomes import Answer
from agent.cxone.access import Access
from agent.cxone.answers import of_response
from agent.cxone.signal import Request
from agent.telemetry.logs import call_facts, logger
from agent.web.posting import post
from agent.web.session import beginning

_log: Final = logger("cxone")


async def ask(
    session: aiohttp.ClientSession,
    access: Access,
    request: Request,
    limit: float,
    *,
    secrets: Callable[[], Iterable[str]],
    clock: Callable[[], float],
    event: str,
) -> Answer:
    """Send a request once.

    Args:
        session: to send with.
        access: to the tenant.
        request: without its token.
        limit: seconds for all of it.
        secrets: gives the texts that must not show up in the answer's detail, besides the token; asked only
            when NICE says something, since it may repeat what it was sent.
        clock: seconds since the epoch.
        event: what the log calls it.

    Returns:
        What became of it. Nothing that NICE or the network does is raised.
    """
    correlation_id = uuid.uuid4().hex
    token = access.token.access
    headers = {**request.headers, "Authorization": f"Bearer {token}", "CorrelationId": correlation_id}

    async def read(response: aiohttp.ClientResponse) -> Answer:
        body = await beginning(response)
        hidden = (token, *secrets()) if "icStatusDescription" in response.headers else ()
        return of_response(response.status, response.headers, body, clock(), hidden)

    answer = await post(session, request.url, request.body, headers=headers, timeout=limit, read=read)
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
