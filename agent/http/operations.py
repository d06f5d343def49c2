# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations listener: health, metrics, reload, drain and the calls of this node. It has no log-in."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from agent.http.bodies import read
from agent.http.errors import Handler, json_errors, refusal
from agent.http.ports import OperationsDesk
from agent.http.signals import add_signals
from agent.telemetry.metrics import CONTENT_TYPE

_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>handoff-agent</title>
<h1>handoff-agent</h1>
<ul>
<li><a href="/healthz">/healthz</a> whether the process is alive</li>
<li><a href="/readyz">/readyz</a> whether it takes calls, and why</li>
<li><a href="/alarms">/alarms</a> projects whose signals do not get through, and why</li>
<li><a href="/metrics">/metrics</a></li>
<li><a href="/calls">/calls</a> the calls that are up</li>
<li><a href="/signals">/signals</a> the newest signals and what NICE said; ?contact=4512</li>
</ul>
</html>
"""


_BODY_AT_MOST: Final = 1024
_MISTAKES_TOLD: Final = 20
_RELOAD_STATUS: Final = {"refused": 422, "held": 409}


class _ReloadRequest(BaseModel):
    """``yes``: the number map may lose more than ``reload_guard`` lets go unasked."""

    model_config = ConfigDict(extra="forbid", strict=True)

    yes: bool = False


def operations_app(desk: OperationsDesk) -> web.Application:
    """The application of the operations listener."""
    app = web.Application(middlewares=[json_errors, _own_pages_only], client_max_size=_BODY_AT_MOST)
    routes = _Routes(desk)
    app.router.add_get("/", routes.page)
    app.router.add_get("/healthz", routes.healthz)
    app.router.add_get("/readyz", routes.readyz)
    app.router.add_get("/alarms", routes.alarms)
    app.router.add_get("/metrics", routes.metrics)
    app.router.add_post("/reload", routes.reload)
    app.router.add_post("/drain", routes.drain)
    app.router.add_get("/calls", routes.calls)
    app.router.add_get("/calls/{id}", routes.call)
    app.router.add_delete("/calls/{id}", routes.hang_up)
    app.router.add_get("/calls/{id}/story", routes.story)
    add_signals(app, desk)
    return app


@web.middleware
async def _own_pages_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what a page of another site makes an operator's browser ask for."""
    origin = request.headers.get("Origin")
    if (
        origin is not None
        and request.method not in ("GET", "HEAD")
        and urlsplit(origin).netloc != request.host
    ):
        return refusal(403, "asked by a page of another site")
    return await handler(request)


class _Routes:
    def __init__(self, desk: OperationsDesk) -> None:
        self._desk = desk

    async def page(self, _request: web.Request) -> web.Response:
        return web.Response(text=_PAGE, content_type="text/html")

    async def healthz(self, _request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(self, _request: web.Request) -> web.Response:
        ready, reason = self._desk.readiness()
        # One project whose signals fail is no reason to turn the calls of all others away.
        out = self._desk.kept_out()
        configuration = {"result": out.result, "mistakes": out.mistakes[:_MISTAKES_TOLD]} if out else None
        body = {
            "ready": ready,
            "reason": reason,
            "alarms": self._desk.alarms(),
            "configuration_kept_out": configuration,
        }
        return web.json_response(body, status=200 if ready else 503)

    async def alarms(self, _request: web.Request) -> web.Response:
        return web.json_response({"alarms": self._desk.alarms()})

    async def metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._desk.metrics(), headers={"Content-Type": CONTENT_TYPE})

    async def reload(self, request: web.Request) -> web.Response:
        confirmed = request.query.get("yes") == "1"
        if request.body_exists:
            confirmed = confirmed or (await read(request, _ReloadRequest, _BODY_AT_MOST)).yes
        answer = await self._desk.reload(confirmed=confirmed)
        return web.json_response(asdict(answer), status=_RELOAD_STATUS.get(answer.result, 200))

    async def drain(self, _request: web.Request) -> web.Response:
        self._desk.drain()
        return web.json_response({"draining": True}, status=202)

    async def calls(self, _request: web.Request) -> web.Response:
        return web.json_response({"calls": self._desk.calls()})

    async def call(self, request: web.Request) -> web.Response:
        found = await self._desk.call(request.match_info["id"])
        return refusal(404, "there is no such call") if found is None else web.json_response(found)

    async def hang_up(self, request: web.Request) -> web.Response:
        call_id = request.match_info["id"]
        if not await self._desk.hang_up(call_id):
            return refusal(404, "no such call is up")
        return web.json_response({"call_id": call_id, "ending": True}, status=202)

    async def story(self, request: web.Request) -> web.Response:
        call_id = request.match_info["id"]
        story = self._desk.story(call_id)
        if story is None:
            return refusal(404, "there is no story of such a call (any more)")
        return web.json_response({"call_id": call_id, "story": story})
