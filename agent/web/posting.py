# SPDX-License-Identifier: GPL-3.0-or-later
"""One POST and its outcome."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import aiohttp
from yarl import URL

from agent.core.outcomes import Answer
from agent.web.failures import of_failure
from agent.web.written import Written


async def post(
    session: aiohttp.ClientSession,
    url: str,
    body: bytes | None,
    *,
    headers: Mapping[str, str],
    timeout: float,  # noqa: ASYNC109 - aiohttp applies it
    read: Callable[[aiohttp.ClientResponse], Awaitable[Answer]],
) -> Answer:
    """POST once. Redirects are not followed.

    Args:
        session: to send with; watched (`agent.web.written.watch`).
        url: percent-encoded.
        body: to send.
        headers: all but those that HTTP itself needs.
        timeout: seconds for all of it.
        read: says what an answer means.

    Returns:
        That, or what it means that none came. Nothing that the other side or the network does is raised.
    """
    written = Written()
    try:
        async with session.post(
            URL(url, encoded=True),
            data=body,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=timeout),
            allow_redirects=False,
            trace_request_ctx=written,
        ) as response:
            return await read(response)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return of_failure(error, may_have_left=written.may_have_left)
