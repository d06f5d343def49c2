# SPDX-License-Identifier: GPL-3.0-or-later
"""The number map on the operations listener: reloads, their history, previews, who takes a number."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final, Literal

from aiohttp import HttpVersion11, hdrs, web
from pydantic import BaseModel, ConfigDict

from agent.core.drafts import Draft, DraftError
from agent.core.reloads import KEPT
from agent.http.audited import DEED
from agent.http.bodies import raw, read
from agent.http.causes import cause_of
from agent.http.errors import RefusalError, refusal
from agent.http.identity import in_clear
from agent.http.ports import OperationsDesk
from agent.telemetry.audit import of_reload
from agent.telemetry.logs import masked

DRAFT_AT_MOST: Final = 5 << 20
"""Bytes of a preview: some 100,000 numbers."""
_BODY_AT_MOST: Final = 4096
_RELOAD_STATUS: Final = {"refused": 422, "held": 409}
_KINDS: Final[dict[str, Literal["json", "yaml", "csv"]]] = {
    "application/json": "json",
    "text/csv": "csv",
    "application/yaml": "yaml",
    "application/x-yaml": "yaml",
    "text/yaml": "yaml",
    "text/x-yaml": "yaml",
}
_USUAL: Final = 50
_TOO_LARGE: Final = 413
_MOST: Final = 500
_LONGEST_WORD: Final = 200


class _ReloadRequest(BaseModel):
    """``yes``: the number map may lose more than ``reload_guard`` lets go unasked."""

    model_config = ConfigDict(extra="forbid", strict=True)

    yes: bool = False


class _RouteRequest(BaseModel):
    """A number as the carrier sends it, and what else its INVITE has."""

    model_config = ConfigDict(extra="forbid", strict=True)

    number: str
    carrier: str | None = None
    token: str | None = None


def add_maps(app: web.Application, desk: OperationsDesk) -> None:
    """Add the routes to the application of the operations listener."""
    routes = _Maps(desk)
    app.router.add_post("/reload", routes.reload)
    app.router.add_get("/reloads", routes.reloads)
    app.router.add_post("/preview", routes.preview, expect_handler=not_too_large)
    app.router.add_get("/numbers", routes.numbers)
    app.router.add_post("/route", routes.route)


async def not_too_large(request: web.Request) -> web.StreamResponse | None:
    """Refuse a draft before it is sent, where a client asks first (RFC 9110 section 10.1.1); curl does."""
    if request.version != HttpVersion11 or request.headers[hdrs.EXPECT].lower() != "100-continue":
        raise web.HTTPExpectationFailed(text="only 100-continue can be expected")
    if (request.content_length or 0) > DRAFT_AT_MOST:
        return too_large().answer
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # as aiohttp does: it is no part of the answer
    return None


def too_large() -> RefusalError:
    """A draft that is too large, and what to do."""
    return RefusalError(
        _TOO_LARGE,
        f"a preview takes {DRAFT_AT_MOST >> 20} MiB at most: on the node, handoff-agent check looks at a "
        "larger map, and handoff-agent diff OLD NEW at what it moves",
    )


class _Maps:
    def __init__(self, desk: OperationsDesk) -> None:
        self._desk = desk

    async def reload(self, request: web.Request) -> web.Response:
        asked = _ReloadRequest()
        if request.body_exists:
            asked = await read(request, _ReloadRequest, _BODY_AT_MOST)
        confirmed = asked.yes or request.query.get("yes") == "1"
        answer = await self._desk.reload(confirmed=confirmed, cause=cause_of(request))
        request[DEED]["outcome"] = of_reload(answer.result, answer.mistakes, answer.changes)
        return web.json_response(asdict(answer), status=_RELOAD_STATUS.get(answer.result, 200))

    async def reloads(self, request: web.Request) -> web.Response:
        return web.json_response({"reloads": self._desk.maps.reloads(_count(request, KEPT))})

    async def preview(self, request: web.Request) -> web.Response:
        kind = _KINDS.get(request.content_type)
        if kind is None:
            return refusal(415, f"{request.content_type} is no number map: send {', '.join(_KINDS)}")
        try:
            draft = Draft(kind, await raw(request, DRAFT_AT_MOST), request.query.get("file", ""))
            found = await self._desk.maps.preview(draft)
        except DraftError as error:
            return refusal(422, str(error))
        except RefusalError as error:
            raise (too_large() if error.status == _TOO_LARGE else error) from None
        request[DEED]["outcome"] = f"would be {found['result']}"
        if not in_clear(request, shown=self._desk.numbers_shown()):
            live = [{**call, "number": masked(call["number"])} for call in found.get("live_calls", ())]
            found = {**found, "live_calls": live}
        return web.json_response(found, status=422 if found["result"] == "refused" else 200)

    async def numbers(self, request: web.Request) -> web.Response:
        search = request.query.get("search", "")[:_LONGEST_WORD]
        return web.json_response(self._desk.maps.numbers(search, _count(request, _USUAL)))

    async def route(self, request: web.Request) -> web.Response:
        asked = await read(request, _RouteRequest, _BODY_AT_MOST)
        try:
            return web.json_response(self._desk.maps.route(asked.number, asked.carrier, asked.token))
        except KeyError:
            known = ", ".join(self._desk.maps.carriers())
            return refusal(404, f"there is no such carrier: the configuration has {known}")


def _count(request: web.Request, usual: int) -> int:
    given = request.query.get("limit", str(usual))
    if not (given.isascii() and given.isdigit() and int(given[:9]) > 0):
        raise RefusalError(422, f"limit is a number from 1 to {_MOST}")
    return min(int(given[:9]), _MOST)
