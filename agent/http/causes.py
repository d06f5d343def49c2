# SPDX-License-Identifier: GPL-3.0-or-later
"""How a reload that was asked for over HTTP came about."""

from __future__ import annotations

from aiohttp import web

from agent.core.reloads import Cause
from agent.http.audited import DEED
from agent.http.identity import named, who


def cause_of(request: web.Request) -> Cause:
    """Who asks for a reload, from where and why, as the audit log tells it."""
    deed = request.get(DEED, {})
    return Cause(
        "http",
        deed.get("who") or named(request),
        who(request).address or request.remote or "",
        deed.get("why", "")[:500],
    )
