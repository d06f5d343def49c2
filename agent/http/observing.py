# SPDX-License-Identifier: GPL-3.0-or-later
"""A line in the log and a count for each request of the handoff API, without its key, body and query."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Middleware

from agent.http.errors import FACTS, REQUEST_ID, Handler
from agent.telemetry import logs

Count: TypeAlias = Callable[[str, str, int], None]
"""Takes project (empty without a usable key), route and status."""
_TOO_MANY: Final = 429
_REFUSED: Final = 400
_BROKEN: Final = 500

_log = logs.logger("http")


def observed(routes: Mapping[str, str], count: Count) -> Middleware:
    """Log and count each request.

    Args:
        routes: the name of each path, as the router writes it; of others only that there was a request.
        count: told of each answer.
    """

    @web.middleware
    async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.monotonic()
        facts = request[FACTS] = {"project": ""}
        response = await handler(request)
        resource = request.match_info.route.resource
        route = "" if resource is None else routes.get(resource.canonical, "")
        count(facts["project"], route, response.status)
        _line(response.status, request.method)(
            "api request",
            request_id=response.headers.get(REQUEST_ID, ""),
            method=request.method,
            route=route,
            status=response.status,
            seconds=round(time.monotonic() - began, 4),
            remote=request.remote,
            **facts,
        )
        return response

    return observe


def _line(status: int, method: str) -> Callable[..., Any]:
    """Reads and what comes too fast are only worth a line to who looks closely."""
    if status >= _BROKEN:
        return _log.warning
    if status == _TOO_MANY or (status < _REFUSED and method != "POST"):
        return _log.debug
    return _log.info
