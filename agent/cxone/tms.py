# SPDX-License-Identifier: GPL-3.0-or-later
"""Posts transcripts to NICE's transcript store (TMS): ``POST {api_endpoint}/aai/tms/transcripts/post``.

It shares tokens and discovery with signals and nothing else. A TMS that fails does not open the breaker of
signals, nor let their endpoint be looked up anew; a token that it refuses stays good for signals until there
is another one, and at most one is fetched a minute, whatever TMS says.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from agent.core.errors import CxoneError
from agent.core.model.project import Project
from agent.core.outcomes import Answer, Outcome, TokenVerdict
from agent.cxone.access import Access, no_access
from agent.cxone.api import ask
from agent.cxone.client import Cxone
from agent.telemetry.logs import call_facts, logger
from agent.web.breaker import Breaker
from agent.web.client import Client

_log: Final = logger("cxone")

_PATH: Final = "/aai/tms/transcripts/post"
_FRESH_TOKEN_EACH: Final = 60.0
_NOT_WANTED: Final = Answer(
    Outcome.FORBIDDEN, None, "the project has no cxone.transcripts in the configuration any more"
)


class Tms:
    """Posts; lives on the event loop.

    Args:
        cxone: has the tokens and finds endpoints.
        session: to send with, and none that signals use: one that hangs holds its connections.
        clock: seconds since the epoch.
    """

    def __init__(self, cxone: Cxone, session: Client, clock: Callable[[], float] = time.time) -> None:
        self._cxone, self._session, self._clock = cxone, session, clock
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self._renewed: dict[tuple[str, str], float] = {}

    async def post(
        self,
        project: Project,
        body: str,
        *,
        before_send: Callable[[], Awaitable[None]],
        timeout: float,  # noqa: ASYNC109 - part of the seam
    ) -> Answer:
        """See `agent.delivery.sending.Poster`."""
        tenant = project.cxone
        if tenant is None or tenant.transcripts is None:
            return _NOT_WANTED
        limit = min(tenant.timeout, timeout)
        try:
            access = await self._cxone.access(tenant, limit)
        except CxoneError as error:
            return no_access(error)
        breaker = self._breakers.setdefault(access.tenant, Breaker())
        if (wait := breaker.admit(self._clock())) is not None:
            return Answer(Outcome.BREAKER_OPEN, None, "TMS failed too often lately", wait)
        await before_send()
        answer = await self._send(access, body, limit)
        if answer.outcome.meaning.token is not TokenVerdict.REFUSED:
            return answer
        fresh = await self._fresh(access, limit)
        if fresh is None:
            return answer
        await before_send()
        return await self._send(fresh, body, limit)

    async def _fresh(self, access: Access, limit: float) -> Access | None:
        """The access with a fresh token, unless one was fetched for TMS a moment ago or none is to be had."""
        now = self._clock()
        if now < self._renewed.get(access.tenant, -_FRESH_TOKEN_EACH) + _FRESH_TOKEN_EACH:
            return None
        self._renewed[access.tenant] = now
        try:
            return await self._cxone.fresh_access(access, limit)
        except CxoneError as error:
            _log.warning("no fresh token for TMS", why=str(error), **call_facts())
            return None

    async def _send(self, access: Access, body: str, limit: float) -> Answer:
        answer = await ask(
            self._session,
            access,
            access.post(_PATH, body.encode()),
            limit,
            secrets=lambda: _texts(json.loads(body)),
            clock=self._clock,
            event="tms answered",
        )
        self._breakers[access.tenant].record(self._clock(), failed=answer.outcome.meaning.failed)
        return answer


def _texts(told: object) -> Iterator[str]:
    """All that stands in a transcript."""
    if isinstance(told, str):
        yield told
    elif isinstance(told, dict):
        for value in told.values():
            yield from _texts(value)
    elif isinstance(told, list):
        for value in told:
            yield from _texts(value)
