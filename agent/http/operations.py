# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations listener: health, metrics, reload, drain, the calls of this node, and the console."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from agent.delivery.queries import CallQuery
from agent.http.access import Access, known_only
from agent.http.audited import ACTIONS, audited
from agent.http.browsers import add_headers
from agent.http.call_files import add_call_files
from agent.http.call_search import AT_MOST, as_json, asked_now
from agent.http.console.console import add_console, prepare
from agent.http.console.error_pages import error_pages
from agent.http.diagnostics import Diagnostics, add_diagnostics
from agent.http.errors import FACTS, json_errors, refusal
from agent.http.fleet_calls import add_up, up_elsewhere
from agent.http.identity import in_clear, who
from agent.http.maps import add_maps
from agent.http.neighbours import Neighbours
from agent.http.own_hosts import own_hosts_only, own_pages_only
from agent.http.ports import OperationsDesk, ReloadAnswer
from agent.http.rollout import RolloutDesk, add_rollout
from agent.http.signals import add_signals
from agent.telemetry.audit import Audit
from agent.telemetry.logs import levels_shown, masked, masked_within
from agent.telemetry.metrics import CONTENT_TYPE

_BODY_AT_MOST: Final = 1024
_MISTAKES_TOLD: Final = 20
_ACTIONS: Final = {
    ("POST", "/reload"): "reload",
    ("POST", "/preview"): "preview",
    ("POST", "/route"): "route",
    ("POST", "/drain"): "drain",
    ("DELETE", "/drain"): "end_drain",
    ("DELETE", "/calls/{id}"): "hang_up",
    ("POST", "/signals/{id}/retry"): "retry",
    ("POST", "/signals/{id}/discard"): "discard",
}


def operations_app(
    desk: OperationsDesk,
    hosts: Sequence[str] = (),
    *,
    access: Access | None = None,
    audit: Audit | None = None,
    diagnostics: Diagnostics | None = None,
    neighbours: Neighbours | None = None,
    rollout: RolloutDesk | None = None,
) -> web.Application:
    """The application of the operations listener.

    Args:
        desk: the running agent.
        hosts: names by which it may be asked, beside loopback ones and the address that it listens on.
        access: says who asks; without it nobody has to log in.
        audit: is told of what is changed.
        diagnostics: what an operator may switch on to look closer.
        neighbours: the other nodes of the fleet, which are asked about their calls; None: none are.
        rollout: takes a new configuration with the rest of a fleet.
    """
    access, audit = access or Access(), audit or Audit()
    guards = [
        error_pages,
        json_errors,
        own_hosts_only(hosts),
        own_pages_only,
        audited(audit),
        known_only(access),
    ]
    app = web.Application(middlewares=guards, client_max_size=_BODY_AT_MOST)
    app.on_response_prepare.append(add_headers)
    prepare(app, desk, access)
    app[ACTIONS].update(_ACTIONS)
    routes = _Routes(desk, access, neighbours)
    app.router.add_get("/healthz", routes.healthz)
    app.router.add_get("/readyz", routes.readyz)
    app.router.add_get("/alarms", routes.alarms)
    app.router.add_get("/metrics", routes.metrics)
    app.router.add_post("/drain", routes.drain)
    app.router.add_delete("/drain", routes.end_drain)
    app.router.add_get("/calls", routes.calls)
    app.router.add_get("/calls/refused", routes.refused)
    add_up(app, desk)
    app.router.add_get("/calls/{id}", routes.call)
    app.router.add_delete("/calls/{id}", routes.hang_up)
    app.router.add_get("/calls/{id}/story", routes.story)
    add_call_files(app, desk)
    add_signals(app, desk)
    add_maps(app, desk)
    if diagnostics is not None:
        add_diagnostics(app, diagnostics)
    if rollout is not None:
        add_rollout(app, rollout)
    add_console(app, desk, access, audit, diagnostics)
    return app


class _Routes:
    def __init__(self, desk: OperationsDesk, access: Access, neighbours: Neighbours | None) -> None:
        self._desk = desk
        self._access = access
        self._neighbours = neighbours

    async def healthz(self, _request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(self, request: web.Request) -> web.Response:
        ready, reason = self._desk.readiness()
        # One project whose signals fail is no reason to turn the calls of all others away.
        out = self._desk.kept_out()
        configuration = {"result": out.result, "mistakes": self._mistakes(request, out)} if out else None
        body = {
            "ready": ready,
            "reason": reason,
            "alarms": self._desk.alarms(),
            "configuration": self._desk.fingerprint(),
            "configuration_kept_out": configuration,
            "log_levels": levels_shown(),
        }
        return web.json_response(body, status=200 if ready else 503)

    def _mistakes(self, request: web.Request, out: ReloadAnswer) -> Sequence[str]:
        """They quote files and numbers: where a log-in is required, an open path has their count alone."""
        if self._access.knows(request):
            return out.mistakes[:_MISTAKES_TOLD]
        return [f"{len(out.mistakes)} in all; with a token, or by handoff-agent check, they are told"]

    async def alarms(self, _request: web.Request) -> web.Response:
        return web.json_response({"alarms": self._desk.alarms()})

    async def metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._desk.metrics(), headers={"Content-Type": CONTENT_TYPE})

    async def drain(self, _request: web.Request) -> web.Response:
        self._desk.drain()
        return web.json_response({"draining": True}, status=202)

    async def end_drain(self, _request: web.Request) -> web.Response:
        if not self._desk.end_drain():
            return refusal(409, "the process was told to end: that can't be taken back")
        return web.json_response({"draining": False})

    async def calls(self, request: web.Request) -> web.Response:
        """Those that are up; with any filter in the address, all that it is for, page by page."""
        given = {name: value for name, value in request.query.items() if name != "numbers"}
        if not given:
            return await self._all_up(request)
        try:
            query, which = asked_now(given)
        except ValueError as error:
            return refusal(422, str(error))
        page = await self._desk.finder.find(query, which)
        shown = [self._shown(request, call) for call in page.calls]
        return web.json_response(as_json(replace(page, calls=shown)))

    async def _all_up(self, request: web.Request) -> web.Response:
        """Those on this node; and on the others of its fleet, unless one of them asks."""
        calls, missing = self._desk.calls(), tuple[str, ...]()
        if self._neighbours is not None and who(request).way != "node":
            told = await up_elsewhere(self._neighbours, CallQuery(limit=AT_MOST))
            calls, missing = [*calls, *told.calls], tuple(told.missing)
        answer: dict[str, Any] = {"calls": [self._shown(request, call) for call in calls]}
        return web.json_response({**answer, "missing": "; ".join(missing)} if missing else answer)

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
            if (node := await self._elsewhere(call_id, live=True)) and self._neighbours is not None:
                return await self._neighbours.ask_operations(request, node)
            return refusal(404, "no such call is up")
        return web.json_response({"call_id": call_id, "ending": True}, status=202)

    async def story(self, request: web.Request) -> web.Response:
        call_id = _call_id(request)
        story = self._desk.story(call_id)
        if story is None and self._neighbours is not None and who(request).way != "node":
            node = await self._elsewhere(call_id, live=False)
            if node and self._neighbours.place(node):
                return await self._neighbours.ask_operations(request, node)
        if story is None:
            return refusal(404, "there is no story of such a call (any more)")
        if not self._in_clear(request):
            story = [{**entry, "text": masked_within(entry["text"])} for entry in story]
        return web.json_response({"call_id": call_id, "story": story})

    async def _elsewhere(self, call_id: str, *, live: bool) -> str:
        """The name of another node that has a call, or had it; empty where none is known."""
        call = None if self._neighbours is None else await self._desk.call(call_id)
        if self._neighbours is None or call is None or (live and call.get("ended") is not None):
            return ""
        return self._neighbours.owner(call)

    def _shown(self, request: web.Request, call: dict[str, Any]) -> dict[str, Any]:
        if self._in_clear(request) or "number" not in call:
            return call
        return {**call, "number": masked(call["number"])}

    def _in_clear(self, request: web.Request) -> bool:
        """Whether numbers are shown: as in logs; commands, which no page can play, ask for them."""
        return in_clear(request, shown=self._desk.numbers_shown())


def _call_id(request: web.Request) -> str:
    """The call that a request is about, in its lines of the log too."""
    call_id = request.match_info["id"]
    request[FACTS] = {"call_id": call_id}
    return call_id
