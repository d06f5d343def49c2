# SPDX-License-Identifier: GPL-3.0-or-later
"""The number map: searched, who takes a number and why, what an edit would do, what became of reloads."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from agent.core.drafts import Draft
from agent.core.errors import SettingsError
from agent.http.audited import DEED
from agent.http.causes import cause_of
from agent.http.console.forms import Form, add_form, done
from agent.http.console.pages import add_page, page
from agent.http.console.results import KINDS, WOULD
from agent.http.errors import RefusalError
from agent.http.identity import in_clear, who
from agent.http.maps import DRAFT_AT_MOST, too_large
from agent.http.ports import OperationsDesk
from agent.telemetry.audit import of_reload
from agent.telemetry.logs import masked

PATH: Final = "/console/numbers"
_ROWS: Final = 50
_RELOADS: Final = 20
_MISTAKES: Final = 100
_KEPT: Final = 200_000
"""Characters of a draft that come back in its form."""
_FIELDS: Final = 64 * 1024
_LONGEST: Final = 200


def add_numbers(app: web.Application, desk: OperationsDesk) -> None:
    """Add the page and what it sends to the application of the operations listener."""
    pages = _Numbers(desk)
    add_page(app, PATH, pages.show)
    add_form(app, f"{PATH}/route", pages.with_token, action="route")
    add_form(
        app,
        f"{PATH}/preview",
        pages.preview,
        action="preview",
        at_most=DRAFT_AT_MOST + _FIELDS,
        too_large=str(too_large()),
    )
    add_form(app, f"{PATH}/reload", pages.reload, action="reload")


class _Numbers:
    def __init__(self, desk: OperationsDesk) -> None:
        self._desk = desk

    async def show(self, request: web.Request) -> web.Response:
        asked = {name: request.query.get(name, "")[:_LONGEST] for name in ("search", "number", "carrier")}
        return self._page(request, asked, self._route(asked["number"], asked["carrier"], None))

    async def with_token(self, request: web.Request, form: Form) -> web.Response:
        asked = {"search": "", "number": form["number"], "carrier": form["carrier"]}
        return self._page(request, asked, self._route(form["number"], form["carrier"], form["token"]))

    async def reload(self, request: web.Request, form: Form) -> web.Response:
        answer = await self._desk.reload(confirmed=form["yes"] == "yes", cause=cause_of(request))
        request[DEED]["outcome"] = of_reload(answer.result, answer.mistakes, answer.changes)
        return done(f"{PATH}#reloads")

    async def preview(self, request: web.Request, form: Form) -> web.Response:
        name = form["file"].strip()
        text = form["upload"] or form["text"].replace("\r\n", "\n")
        found: dict[str, Any] | None = None
        fault = ""
        if not name:
            fault = "Name the file that it would be, such as acme.csv or acme.yaml."
        else:
            kind = "csv" if name.endswith(".csv") else "yaml"
            try:
                found = await self._desk.maps.preview(
                    Draft(kind, text.encode(errors="replace"), name)  # type: ignore[arg-type] # one of two words
                )
            except SettingsError as error:  # no draft, or no preview of it: what was pasted comes back
                fault = f"{error}."
        request[DEED]["outcome"] = fault or f"would be {found['result'] if found else ''}"
        return self._previewed(request, name, text if len(text) <= _KEPT else "", found, fault)

    def _route(self, number: str, carrier: str, token: str | None) -> dict[str, Any] | None:
        if not number.strip():
            return None
        try:
            return self._desk.maps.route(number.strip(), carrier or None, token)
        except KeyError:
            raise RefusalError(404, "no carrier in force has this name") from None

    def _page(
        self, request: web.Request, asked: dict[str, str], route: dict[str, Any] | None
    ) -> web.Response:
        maps = self._desk.maps
        found = maps.numbers(asked["search"], _ROWS) if asked["search"] else None
        reloads = maps.reloads(_RELOADS)
        return page(
            request,
            "numbers.html",
            path=PATH,
            asked=asked,
            route=route,
            found=found,
            most=_ROWS,
            rules=maps.numbers("", 1)["rules"],
            files=maps.files(),
            carriers=maps.carriers(),
            reloads=reloads,
            history=self._desk.snapshot().agent.reloads_file,
            kinds=KINDS,
            mistakes=_MISTAKES,
            held=self._is_held(),
            name="",
            text="",
            at_most=DRAFT_AT_MOST,
            too_large=str(too_large()),
        )

    def _previewed(
        self, request: web.Request, name: str, text: str, found: dict[str, Any] | None, fault: str
    ) -> web.Response:
        live = [] if found is None else found["live_calls"]
        if not in_clear(request, shown=self._desk.numbers_shown()):
            live = [{**call, "number": masked(call["number"])} for call in live]
        return page(
            request,
            "numbers_preview.html",
            path=PATH,
            found=found,
            fault=fault,
            live=live,
            kind="" if found is None else KINDS.get(found["result"], ""),
            said="" if found is None else WOULD[found["result"]],
            mistakes=[] if found is None else found["mistakes"][:_MISTAKES],
            more=0 if found is None else found["more_mistakes"] + max(0, len(found["mistakes"]) - _MISTAKES),
            files=self._desk.maps.files(),
            name=name,
            text=text,
            at_most=DRAFT_AT_MOST,
            too_large=str(too_large()),
            operator=who(request).operator,
        )

    def _is_held(self) -> bool:
        out = self._desk.kept_out()
        return out is not None and out.result == "held"
