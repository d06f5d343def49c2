# SPDX-License-Identifier: GPL-3.0-or-later
"""Log-in to the console by token, and log-out."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from agent.http.access import LOG_IN, LOG_OUT, Access, cookie_name
from agent.http.console.forms import Form, add_form, done
from agent.http.console.pages import add_page, page
from agent.http.errors import RETRY_AFTER, RefusalError
from agent.telemetry.audit import Audit

_HOME: Final = "/"
_TOKEN_BYTES: Final = 8 * 1024


def add_log_in(app: web.Application, access: Access, audit: Audit) -> None:
    """Add the page and what it sends to the application of the operations listener."""
    routes = _LogIn(access, audit)
    add_page(app, LOG_IN, routes.show, in_navigation=False)
    add_form(app, LOG_IN, routes.log_in, at_most=_TOKEN_BYTES)
    add_form(app, LOG_OUT, routes.log_out)


class _LogIn:
    def __init__(self, access: Access, audit: Audit) -> None:
        self._access = access
        self._audit = audit

    async def show(self, request: web.Request) -> web.Response:
        if not self._access.required:
            return done(_HOME)
        return page(request, "log_in.html", then=_then(request.query.get("next", "")), said="")

    async def log_in(self, request: web.Request, form: Form) -> web.Response:
        then = _then(form["next"])
        try:
            session, asker = self._access.log_in(request, form["token"])
        except RefusalError as error:
            answer = page(request, "log_in.html", status=error.status, then=then, said=str(error))
            if RETRY_AFTER in error.answer.headers:
                answer.headers[RETRY_AFTER] = error.answer.headers[RETRY_AFTER]
            return answer
        answer = done(then)
        answer.set_cookie(
            cookie_name(request),
            session,
            httponly=True,
            samesite="Strict",
            secure=self._access.by_https(request),
            path="/",
        )
        self._audit.record("log_in", who=asker.name, origin=asker.address, outcome=f"as {asker.role}")
        return answer

    async def log_out(self, request: web.Request, _form: Form) -> web.Response:
        self._access.log_out(request)
        answer = done(LOG_IN if self._access.required else _HOME)
        answer.del_cookie(cookie_name(request), path="/")
        return answer


def _then(asked: str) -> str:
    """Where to go after the log-in: a page of ours and nowhere else."""
    ours = asked.startswith("/") and not asked.startswith(("//", "/\\")) and asked.isprintable()
    return asked if ours and not asked.startswith(LOG_IN) else _HOME
