# SPDX-License-Identifier: GPL-3.0-or-later
"""One POST and its outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.core.outcomes import Answer, Outcome
from agent.web.answer import Response
from agent.web.client import Client
from agent.web.failures import NoAnswerError, of_failure
from agent.web.request import common, lines, parted, whole


async def post(
    client: Client,
    url: str,
    body: bytes | None,
    *,
    headers: Mapping[str, str],
    seconds: float,
    limit: int,
    read: Callable[[Response], Answer],
) -> Answer:
    """POST once. Redirects are not followed.

    Args:
        client: to send with.
        url: percent-encoded.
        body: to send.
        headers: all but those that HTTP itself needs.
        seconds: for all of it.
        limit: how many bytes of the answer's body are wanted.
        read: says what an answer means.

    Returns:
        That, or what it means that none came. Nothing that the other side or the network does is raised.
    """
    try:
        to, target = parted(url)
        request = whole("POST", target, common(to) + lines(headers), body or b"")
    except ValueError as error:
        return Answer(Outcome.NOT_SENT, None, f"not sent: {error}")
    try:
        response = await client.request(to, request, seconds=seconds, limit=limit)
    except NoAnswerError as error:
        return of_failure(error)
    return read(response)
