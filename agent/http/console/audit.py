# SPDX-License-Identifier: GPL-3.0-or-later
"""Who changed what: the newest entries of the audit log."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from agent.http.console.pages import ROWS_AT_MOST, add_page, page
from agent.telemetry.audit import Audit

PATH: Final = "/console/audit"


def add_audit(app: web.Application, audit: Audit) -> None:
    """Add the page to the application of the operations listener."""

    async def show(request: web.Request) -> web.Response:
        return page(
            request,
            "audit.html",
            deeds=audit.newest(ROWS_AT_MOST),
            file="" if audit.path is None else str(audit.path),
            fault=audit.fault or "",
        )

    add_page(app, PATH, show)
