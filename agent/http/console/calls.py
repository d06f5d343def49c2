# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls: those that are up, which move, then past ones page by page; found by a form."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from agent.core.reasons import End
from agent.delivery.queries import CallQuery, cursor
from agent.http.call_files import shown
from agent.http.call_finder import CallPage, Which
from agent.http.call_search import ENDS, REASONS, wanted
from agent.http.console.live import add_live
from agent.http.console.pages import add_page, page, part
from agent.http.identity import in_clear
from agent.http.ports import OperationsDesk

PATH: Final = "/console/calls"
LIVE: Final = "/console/live/calls"
_ROWS: Final = 50
_FIELDS: Final = ("id", "number", "project", "carrier", "state", "end", "reason", "since", "until")
_USUAL_FIELDS: Final = ("id", "number", "project", "state")
_STATES: Final = (Which.LIVE.value, Which.OVER.value, Which.REFUSED.value)
_KINDS: Final = {End.COMPLETED.value: "good", End.HANDOFF.value: "good", End.CALLER.value: "", "": "good"}


def add_calls(app: web.Application, desk: OperationsDesk) -> None:
    """Add the page and what moves on it to the application of the operations listener."""
    pages = _CallsPages(desk)
    add_page(app, PATH, pages.find)
    add_live(app, LIVE, pages.moving)


class _CallsPages:
    def __init__(self, desk: OperationsDesk) -> None:
        self._desk = desk

    async def find(self, request: web.Request) -> web.Response:
        given = {name: request.query.get(name, "").strip() for name in _FIELDS}
        asked = {name: value for name, value in given.items() if value}
        began = request.query.get("page", "").strip()
        said, live, past = "", None, None
        try:
            query, which = wanted({**asked, "page": began, "limit": str(_ROWS)}, time.time())
            if which in (Which.ALL, Which.LIVE) and not began:
                live = await self._desk.finder.find(query, Which.LIVE)
            if which is not Which.LIVE:
                past = await self._desk.finder.find(query, Which.PAST if which is Which.ALL else which)
        except ValueError as error:
            said = str(error)
        return page(
            request,
            "calls.html",
            status=422 if said else 200,
            path=PATH,
            given=given,
            asked=asked,
            more_fields=any(name not in _USUAL_FIELDS for name in asked),
            choices={"state": _STATES, "end": ENDS, "reason": REASONS},
            said=said,
            live=f"{LIVE}?{urlencode(asked)}",
            up=live and self._up(request, live, filtered=bool(asked)),
            past=past and self._rows(request, past.calls),
            missing=past.missing if past and past.missing not in (live.missing if live else "") else "",
            first=f"{PATH}?{urlencode(asked)}" if began else "",
            next=f"{PATH}?{urlencode({**asked, 'page': cursor(past.more)})}" if past and past.more else "",
        )

    async def moving(self, request: web.Request) -> str:
        """Those that are up, as the form asks for."""
        asked = {name: request.query.get(name, "").strip() for name in _FIELDS}
        try:
            query, _ = wanted({**asked, "state": "", "limit": str(_ROWS)}, time.time())
        except ValueError:
            query = CallQuery(limit=_ROWS)
        found = await self._desk.finder.find(replace(query, before=None), Which.LIVE)
        up = self._up(request, found, filtered=any(asked.values()))
        return part(request, "calls_live.html", path=PATH, up=up)

    def _up(self, request: web.Request, found: CallPage, *, filtered: bool) -> dict[str, Any]:
        more = found.more is not None
        return {
            "rows": self._rows(request, found.calls),
            "more": more,
            "filtered": filtered,
            "missing": found.missing,
        }

    def _rows(self, request: web.Request, calls: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        clear, now = in_clear(request, shown=self._desk.numbers_shown()), time.time()
        here = self._desk.node_name()
        return [_row(shown(call, clear=clear), now, here) for call in calls]


def _row(call: Mapping[str, Any], now: float, here: str) -> dict[str, Any]:
    over = call["ended"] is not None
    lasted = (call["ended"] if over else now) - call["began"]
    elsewhere = "" if over or call.get("node", here) == here else f"on {call['node']}"
    return {
        **call,
        "lasted": None if call["end"] == Which.REFUSED.value or not (over or call["live"]) else lasted,
        "word": call["end"] if over else call["state"],
        "kind": _KINDS.get(call["end"], "bad"),
        "why": call.get("detail") or call["reason"] or elsewhere,
    }
