# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors as pages for browsers; for everybody else they stay JSON."""

from __future__ import annotations

import json
from typing import Final

from aiohttp import web

from agent.http.browsers import wants_page
from agent.http.console.pages import page
from agent.http.errors import Handler

_ERROR: Final = 400
_TITLES: Final = {
    400: "That could not be read",
    401: "Log in first",
    403: "Not allowed",
    404: "There is no such page",
    408: "That took too long",
    409: "Not now",
    413: "That is too large",
    415: "That is no form",
    421: "Not by this name",
    422: "That can't be used",
    429: "Too many tries",
    503: "Not at present",
}
_OTHER: Final = "That did not work"


@web.middleware
async def error_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Draw an error that came as ``{"error_message": …}`` as a page where a person waits for one."""
    response = await handler(request)
    if response.status < _ERROR or not isinstance(response, web.Response) or not wants_page(request):
        return response
    said = _said(response)
    if said is None:
        return response
    title = _TITLES.get(response.status, _OTHER)
    drawn = page(request, "error.html", status=response.status, title=title, said=said)
    for name in ("X-Request-Id", "Retry-After", "Allow", "WWW-Authenticate"):
        if name in response.headers:
            drawn.headers[name] = response.headers[name]
    return drawn


def _said(response: web.Response) -> str | None:
    if response.content_type != "application/json" or not isinstance(response.body, bytes):
        return None
    told = json.loads(response.body)
    said = told.get("error_message") if isinstance(told, dict) else None
    return said if isinstance(said, str) else None
