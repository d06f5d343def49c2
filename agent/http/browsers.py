# SPDX-License-Identifier: GPL-3.0-or-later
"""What a browser is told and asked with every answer of the operations listener."""

from __future__ import annotations

from typing import Final

from aiohttp import web

# Nothing but what comes from this listener; no inline script or style (CSP level 3).
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    # With no-referrer a browser would say "Origin: null" for the console's own forms (Fetch, section 3.2).
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NOT_KEPT: Final = "no-store"


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Add what a browser must know before an answer leaves, streams included."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", _NOT_KEPT)


def wants_page(request: web.Request) -> bool:
    """Whether a person waits for a page: a browser that goes somewhere, no script and no command."""
    if request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate":
        return False
    return "text/html" in request.headers.get("Accept", "")
