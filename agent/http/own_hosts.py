# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps pages of other sites from using an operator's browser against the operations listener.

A page can let a name of its own point to our address (DNS rebinding): then it is of our origin for the
browser, and only the Host header tells. And a page can send simple requests anywhere, though it can't read
the answers (Fetch standard, "CORS-safelisted request-header"); what changes something must not be simple.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from aiohttp import HttpVersion11, web
from aiohttp.typedefs import Middleware

from agent.http.errors import Handler, refusal

ASKED_BY: Final = "X-Requested-By"
"""A header that a page of another site can't send; its value is free."""
_READS: Final = ("GET", "HEAD", "OPTIONS")
GUARDED: Final = web.AppKey("guarded", set[object])
"""Handlers of forms, which are simple requests: they look for a token that only our own pages know."""


def own_hosts_only(hosts: Sequence[str]) -> Middleware:
    """Serve only requests for a name of this listener.

    Args:
        hosts: names and addresses beside loopback ones and the address that a request came to.
    """
    names = {"localhost", *(host.lower() for host in hosts)}

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.getall("Host", [])
        if not given and request.version < HttpVersion11:
            return await handler(request)  # no browser, and RFC 9112 section 3.2 asks it of HTTP/1.1 only
        if len(given) != 1 or (host := _host(given[0])) is None:
            return refusal(400, "a request needs one Host header that can be read")
        if host not in names and not _own_address(request, host):
            return refusal(421, f"{host} is no name of this listener: add it to http.operations_hosts")
        return await handler(request)

    return check


@web.middleware
async def own_pages_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what a page of another site makes an operator's browser ask for."""
    if request.method not in _READS:
        origin = request.headers.get("Origin")
        if origin is not None and _netloc(origin) != request.host:
            return refusal(403, "asked by a page of another site")
        if not not_simple(request) and request.match_info.handler not in request.app.get(GUARDED, ()):
            return refusal(403, f"what changes something needs the header {ASKED_BY}: your name")
    return await handler(request)


def _netloc(origin: str) -> str:
    """Host and port of an origin; none where it is no URL (``http://[::1``)."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def not_simple(request: web.Request) -> bool:
    """Whether no page of another site can have sent it without asking us first."""
    return ASKED_BY in request.headers or request.content_type == "application/json"


def _host(header: str) -> str | None:
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port  # raises where it is none
    except ValueError:
        return None
    return parts.hostname if parts.netloc == header and "@" not in header else None


def _own_address(request: web.Request, host: str) -> bool:
    try:
        asked = ip_address(host)
    except ValueError:
        return False
    if asked.is_loopback:
        return True
    ours = request.transport.get_extra_info("sockname") if request.transport is not None else None
    return ours is not None and ip_address(ours[0].partition("%")[0]) == asked
