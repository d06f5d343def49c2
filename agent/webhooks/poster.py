# SPDX-License-Identifier: GPL-3.0-or-later
"""Posts webhooks to the customer's own system, each attempt with a time and a signature of its own.

Any 2xx is an acknowledgement. What says "not now", fails on the way or hangs is tried again; any other 4xx,
and a redirect, which is not followed, is final: only a change of either side's configuration helps. Neither
the URL, which may hold a secret, nor a body of either side gets into a detail or a log.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from yarl import URL

from agent.core.model.project import Project
from agent.core.outcomes import Answer, Outcome
from agent.core.webhook import headers
from agent.web.answer import Response
from agent.web.client import Client
from agent.web.failures import retry_after
from agent.web.posting import post

_NOT_WANTED: Final = Answer(
    Outcome.FORBIDDEN, None, "the project has no webhook in the configuration any more"
)
_OUT_OF_USE: Final = 0.001
_THROTTLED: Final = 429
_NOT_NOW: Final = frozenset({408, 425, 503})


class Webhooks:
    """Posts; lives on the event loop.

    Args:
        session: to send with, and none that signals use: one that hangs holds its connections.
        clock: seconds since the epoch.
    """

    def __init__(self, session: Client, clock: Callable[[], float] = time.time) -> None:
        self._session, self._clock = session, clock

    async def post(
        self,
        project: Project,
        body: str,
        *,
        before_send: Callable[[], Awaitable[None]],
        timeout: float,  # noqa: ASYNC109 - part of the seam
    ) -> Answer:
        """See `agent.delivery.sending.Poster`."""
        webhook = project.webhook
        if webhook is None:
            return _NOT_WANTED
        await before_send()
        signed = headers(body, webhook.secret.get_secret_value(), self._clock())
        limit = max(min(webhook.timeout, timeout), _OUT_OF_USE)

        def read(response: Response) -> Answer:
            return of_status(response.status, response.headers, self._clock())

        # The status says all: of a body nothing is waited for.
        url = str(URL(webhook.url))
        return await post(
            self._session, url, body.encode(), headers=signed, seconds=limit, limit=0, read=read
        )


def of_status(status: int, headers: Mapping[str, str], now: float) -> Answer:
    """What the status of an answer means.

    Args:
        status: the HTTP status.
        headers: of the answer, for Retry-After.
        now: seconds since the epoch.
    """
    pause = retry_after(headers, now)
    if 200 <= status < 300:  # noqa: PLR2004
        return Answer(Outcome.ACCEPTED, status, "")
    if status == _THROTTLED:
        return Answer(Outcome.THROTTLED, status, "HTTP 429", pause)
    if status in _NOT_NOW:
        return Answer(Outcome.UNAVAILABLE, status, f"HTTP {status}", pause)
    if status >= 500:  # noqa: PLR2004
        return Answer(Outcome.SERVER_FAULT, status, f"HTTP {status}", pause)
    if 300 <= status < 400:  # noqa: PLR2004
        told = f"HTTP {status}: a redirect is not followed; write where it leads to into webhook.url"
        return Answer(Outcome.BAD_REQUEST, status, told)
    return Answer(Outcome.BAD_REQUEST, status, f"HTTP {status}")
