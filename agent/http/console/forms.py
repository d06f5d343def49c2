# SPDX-License-Identifier: GPL-3.0-or-later
"""Forms: read up to a size, and taken only with the token that our own page put into them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from agent.http.audited import ACTIONS, DEED
from agent.http.bodies import raw
from agent.http.console.pages import PAGES
from agent.http.console.parts import fields
from agent.http.errors import RefusalError
from agent.http.identity import named, who
from agent.http.own_hosts import GUARDED

FORM_BYTES: Final = 16 * 1024
_FIELDS_AT_MOST: Final = 50
_URLENCODED: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
_TOO_LARGE: Final = 413


class Form(dict[str, str]):
    """Fields by name, as texts; one that is not there is empty."""

    def __missing__(self, _name: str) -> str:
        return ""


FormHandler = Callable[[web.Request, Form], Awaitable[web.StreamResponse]]


def add_form(
    app: web.Application,
    path: str,
    handler: FormHandler,
    *,
    action: str = "",
    at_most: int = FORM_BYTES,
    too_large: str = "",
) -> None:
    """Add a form that our pages send (POST).

    The fields ``by`` (a name, where nobody logs in) and ``why`` go to the audit log by themselves.

    Args:
        app: of the operations listener.
        path: ``/console/…``.
        handler: is given the request and its fields; the best answer is `done`.
        action: what it does, for the audit log.
        at_most: bytes of the body.
        too_large: what is said of more, and what to do instead.
    """

    async def guarded(request: web.Request) -> web.StreamResponse:
        form = await _read(request, at_most, too_large)
        if not request.app[PAGES].access.is_form_token(who(request), form["csrf"]):
            raise RefusalError(403, "the form is too old or came from elsewhere: open the page again")
        deed = request.get(DEED)
        if deed is not None:
            deed["who"] = named(request, form["by"])
            deed["why"] = form["why"]
        return await handler(request, form)

    app[GUARDED].add(guarded)
    app.router.add_post(path, guarded)
    if action:
        app[ACTIONS]["POST", path] = action


def done(path: str) -> web.Response:
    """Lead the browser on to a page of ours, so that loading it again sends nothing a second time."""
    return web.Response(status=303, headers={"Location": path})


async def _read(request: web.Request, at_most: int, too_large: str) -> Form:
    """The fields of a form.

    Raises:
        RefusalError: 400 it can't be read, 408 too slow, 413 too large, 415 it is no form.
    """
    if request.content_type not in (_URLENCODED, _MULTIPART):
        raise RefusalError(415, f"this is no form: send {_URLENCODED}")
    try:
        body = await raw(request, at_most)
    except RefusalError as error:
        if error.status != _TOO_LARGE:
            raise
        raise RefusalError(
            _TOO_LARGE, too_large or f"this form takes {at_most >> 10} KiB at most: write less into it"
        ) from None
    try:
        # Of some megabytes it takes long enough to hold calls up.
        return (
            await asyncio.to_thread(_fields, request, body)
            if len(body) > FORM_BYTES
            else _fields(request, body)
        )
    except ValueError:
        raise RefusalError(400, "the form can't be read: it must be UTF-8, sound and of few fields") from None


def _fields(request: web.Request, body: bytes) -> Form:
    if request.content_type == _MULTIPART:
        return Form(fields(request.headers["Content-Type"], body, _FIELDS_AT_MOST))
    return Form(
        parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_AT_MOST)
    )
