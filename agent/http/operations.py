# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations listener: health, metrics, reload, drain and the calls of this node. It has no log-in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from agent.http.bodies import read
from agent.http.diagnostics import Diagnostics, add_diagnostics
from agent.http.errors import FACTS, json_errors, refusal
from agent.http.own_hosts import not_simple, own_hosts_only, own_pages_only
from agent.http.ports import OperationsDesk
from agent.http.signals import add_signals
from agent.telemetry.logs import levels_shown, masked, masked_within
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
<li><a href="/calls/refused">/calls/refused</a> the newest INVITEs that were refused, and why</li>
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


def operations_app(
    desk: OperationsDesk, hosts: Sequence[str] = (), diagnostics: Diagnostics | None = None
) -> web.Application:
    """The application of the operations listener.

    Args:
        desk: the running agent.
        hosts: names by which it may be asked, beside loopback ones and the address that it listens on.
        diagnostics: what an operator may switch on to look closer.
    """
    guards = [json_errors, own_hosts_only(hosts), own_pages_only]
    app = web.Application(middlewares=guards, client_max_size=_BODY_AT_MOST)
    routes = _Routes(desk)
    app.router.add_get("/", routes.page)
    app.router.add_get("/healthz", routes.healthz)
    app.router.add_get("/readyz", routes.readyz)
    app.router.add_get("/alarms", routes.alarms)
    app.router.add_get("/metrics", routes.metrics)
    app.router.add_post("/reload", routes.reload)
    app.router.add_post("/drain", routes.drain)
    app.router.add_delete("/drain", routes.end_drain)
    app.router.add_get("/calls", routes.calls)
    app.router.add_get("/calls/refused", routes.refused)
    app.router.add_get("/calls/{id}", routes.call)
    app.router.add_delete("/calls/{id}", routes.hang_up)
    app.router.add_get("/calls/{id}/story", routes.story)
    add_signals(app, desk)
    if diagnostics is not None:
        add_diagnostics(app, diagnostics)
    return app


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
            "log_levels": levels_shown(),
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

    async def end_drain(self, _request: web.Request) -> web.Response:
        if not self._desk.end_drain():
            return refusal(409, "the process was told to end: that can't be taken back")
        return web.json_response({"draining": False})

    async def calls(self, request: web.Request) -> web.Response:
        calls = self._desk.calls()
        return web.json_response({"calls": [self._shown(request, call) for call in calls]})

    async def refused(self, request: web.Request) -> web.Response:
        return web.json_response({"refused": [self._shown(request, one) for one in self._desk.refused()]})

    async def call(self, request: web.Request) -> web.Response:
        found = await self._desk.call(_call_id(request))
        if found is None:
            return refusal(404, "there is no such call")
        return web.json_response(self._shown(request, found))

    async def hang_up(self, request: web.Request) -> web.Response:
        call_id = _call_id(request)
        if not await self._desk.hang_up(call_id):
            return refusal(404, "no such call is up")
        return web.json_response({"call_id": call_id, "ending": True}, status=202)

    async def story(self, request: web.Request) -> web.Response:
        call_id = _call_id(request)
        story = self._desk.story(call_id)
        if story is None:
            return refusal(404, "there is no story of such a call (any more)")
        if not self._in_clear(request):
            story = [{**entry, "text": masked_within(entry["text"])} for entry in story]
        return web.json_response({"call_id": call_id, "story": story})

    def _shown(self, request: web.Request, call: dict[str, Any]) -> dict[str, Any]:
        if self._in_clear(request) or "number" not in call:
            return call
        return {**call, "number": masked(call["number"])}

    def _in_clear(self, request: web.Request) -> bool:
        """Whether numbers are shown: as in logs; commands, which no page can play, ask for them."""
        asked = request.query.get("numbers") == "shown" and not_simple(request)
        return asked or self._desk.numbers_shown()


def _call_id(request: web.Request) -> str:
    """The call that a request is about, in its lines of the log too."""
    call_id = request.match_info["id"]
    request[FACTS] = {"call_id": call_id}
    return call_id
