# SPDX-License-Identifier: GPL-3.0-or-later
"""Draining the node and taking that back, from the overview."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from agent.http.console.forms import Form, add_form, done
from agent.http.errors import RefusalError
from agent.http.ports import NodeDesk

DRAIN: Final = "/console/drain"
END_DRAIN: Final = "/console/end-drain"


def add_drain(app: web.Application, desk: NodeDesk) -> None:
    """Add what the overview's buttons send to the application of the operations listener."""

    async def drain(_request: web.Request, _form: Form) -> web.Response:
        desk.drain()
        return done("/")

    async def end_drain(_request: web.Request, _form: Form) -> web.Response:
        if not desk.end_drain():
            raise RefusalError(409, "the process was told to end: that can't be taken back")
        return done("/")

    add_form(app, DRAIN, drain, action="drain")
    add_form(app, END_DRAIN, end_drain, action="end_drain")
