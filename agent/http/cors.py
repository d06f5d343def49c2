# SPDX-License-Identifier: GPL-3.0-or-later
"""Which desktop pages may read the handoff API from a browser (CORS): those of listed origins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from agent.http.errors import REQUEST_ID, RETRY_AFTER, Handler

_PREFLIGHT: Final = 204
_REMEMBERED: Final = "600"  # seconds that a browser keeps the answer to a preflight


def add_preflight(app: web.Application, path: str, origins: Sequence[str]) -> None:
    """Answer preflights (Fetch standard, section 4.8) for GETs of ``path``; none where no page may read."""
    if not origins:
        return

    async def preflight(request: web.Request) -> web.Response:
        asked = request.headers.get("Access-Control-Request-Method")
        if request.headers.get("Origin") not in origins or asked != "GET":
            raise web.HTTPMethodNotAllowed("OPTIONS", ("GET",))
        headers = {
            "Access-Control-Allow-Methods": "GET",
            "Access-Control-Allow-Headers": f"x-api-key, {REQUEST_ID.lower()}",
            "Access-Control-Max-Age": _REMEMBERED,
        }
        return web.Response(status=_PREFLIGHT, headers=headers)

    app.router.add_route("OPTIONS", path, preflight)


def cors(origins: Sequence[str], readable: Sequence[str]) -> Middleware:
    """Add CORS headers on the ``readable`` paths, on errors too, for pages of ``origins`` only."""

    @web.middleware
    async def mark(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        resource = request.match_info.route.resource
        if not origins or resource is None or resource.canonical not in readable:
            return response
        # Caches must not give one page the answer that was made for another.
        response.headers["Vary"] = "Origin"
        origin = request.headers.get("Origin")
        granted = request.method == "GET" or response.status == _PREFLIGHT
        if granted and origin is not None and origin in origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = f"{REQUEST_ID}, {RETRY_AFTER}"
        return response

    return mark
