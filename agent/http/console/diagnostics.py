# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator switches on for a while to look closer: captures of calls, another level of the log."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from agent.core.model.capture import shown_size, size
from agent.http.audited import DEED
from agent.http.captures import shown
from agent.http.console.forms import Form, add_form, done
from agent.http.console.live import add_live
from agent.http.console.log_level import LogLevelForm
from agent.http.console.pages import ROWS_AT_MOST, add_page, page, part
from agent.http.diagnostics import Diagnostics
from agent.http.errors import RefusalError
from agent.http.identity import in_clear, named
from agent.http.ports import OperationsDesk
from agent.telemetry.capture import Capture, Wanted
from agent.telemetry.captures import USUAL_SECONDS, CaptureRefusedError, Captures
from agent.telemetry.logs import masked

PATH: Final = "/console/diagnostics"
START: Final = f"{PATH}/captures"
LIVE: Final = "/console/live/captures"
_MINUTE: Final = 60.0
_ID: Final = 256
_KINDS: Final = ("call", "project", "number")
_FIELDS: Final = ("of", "which", "minutes", "size", "rtp", "why", "by")
_GONE: Final = "there is no such capture (any more); its file may still be in capture.folder"


def add_diagnostics_pages(app: web.Application, desk: OperationsDesk, diagnostics: Diagnostics) -> None:
    """Add the pages and what they send to the application of the operations listener."""
    pages = _Pages(desk, diagnostics)
    add_page(app, PATH, pages.show)
    add_form(app, f"{PATH}/log-level", pages.set_level, action="log_level")
    if diagnostics.captures is None:
        return
    captures = _CapturePages(pages, desk, diagnostics.captures)
    add_page(app, START + "/{id}", captures.one, in_navigation=False)
    add_live(app, LIVE, pages.moving)
    add_live(app, LIVE + "/{id}", captures.moving)
    add_form(app, START, captures.start, action="capture")
    add_form(app, START + "/{id}/stop", captures.stop, action="capture_stop")
    add_form(app, START + "/{id}/delete", captures.delete, action="capture_delete")


class _Pages:
    """The page of all that is switched on."""

    def __init__(self, desk: OperationsDesk, diagnostics: Diagnostics) -> None:
        self._desk = desk
        self._captures = diagnostics.captures
        self._level = LogLevelForm(diagnostics.projects)

    async def show(self, request: web.Request) -> web.Response:
        given = {"of": "call", "which": request.query.get("call", "")[:_ID]}
        return self.page(request, capture=given)

    async def set_level(self, request: web.Request, form: Form) -> web.Response:
        try:
            self._level.set(request, form)
        except ValueError as error:
            return self.page(request, status=422, level={**form, "said": f"{error}."})
        return done(f"{PATH}#log-level")

    async def moving(self, request: web.Request) -> str:
        """The list of captures."""
        return part(request, "captures_live.html", path=START, captures=self._rows(request))

    def known_project(self, name: str) -> bool:
        """Whether a project of this name is in force."""
        return name in self._desk.snapshot().projects

    def page(
        self,
        request: web.Request,
        *,
        status: int = 200,
        level: dict[str, Any] | None = None,
        capture: dict[str, Any] | None = None,
    ) -> web.Response:
        """All of it, with what was given and could not be done."""
        settings = self._desk.snapshot().agent.capture
        return page(
            request,
            "diagnostics.html",
            status=status,
            path=PATH,
            start=START,
            live=LIVE,
            level=self._level.shown(level or {}),
            projects=sorted(self._desk.snapshot().projects)[:ROWS_AT_MOST],
            captures=self._rows(request),
            can=settings is not None and self._captures is not None,
            most=settings and {"minutes": settings.longest / _MINUTE, "size": shown_size(settings.size)},
            usual=min(USUAL_SECONDS, settings.longest if settings else USUAL_SECONDS) / _MINUTE,
            kinds=_KINDS,
            given={**dict.fromkeys((*_FIELDS, "said"), ""), **(capture or {})},
        )

    def _rows(self, request: web.Request) -> list[dict[str, Any]]:
        clear = in_clear(request, shown=self._desk.numbers_shown())
        return [] if self._captures is None else [shown(one, clear=clear) for one in self._captures.all()]


class _CapturePages:
    """One capture, and what is done to it."""

    def __init__(self, pages: _Pages, desk: OperationsDesk, captures: Captures) -> None:
        self._pages = pages
        self._desk = desk
        self._captures = captures

    async def start(self, request: web.Request, form: Form) -> web.Response:
        try:
            capture = await self._begun(request, form)
        except (ValueError, CaptureRefusedError) as error:
            status = error.status if isinstance(error, CaptureRefusedError) else 422
            return self._pages.page(
                request, status=status, capture={**form, "said": f"{str(error).rstrip('.')}."}
            )
        return done(f"{START}/{capture.capture_id}")

    async def _begun(self, request: web.Request, form: Form) -> Capture:
        """The capture that a form asks for.

        Raises:
            ValueError: a field can't be used.
            CaptureRefusedError: it can't begin.
        """
        wanted = self._wanted(form["of"], form["which"].strip())
        request[DEED]["about"] = wanted.call or wanted.project or masked(wanted.number)
        if not form["why"].strip():
            raise ValueError("A reason is needed: it stays in the audit log")
        minutes = form["minutes"].strip()
        room = form["size"].strip()
        try:
            seconds = float(minutes) * _MINUTE if minutes else None
        except ValueError:
            seconds = 0.0
        if seconds is not None and not seconds > 0:
            raise ValueError(f"{minutes!r} is no number of minutes: write 10")
        most = size(room) if room else None
        capture = await self._captures.start(
            wanted,
            seconds=seconds,
            size=most,
            rtp=form["rtp"] == "yes",
            by=named(request, form["by"]),
        )
        request[DEED]["outcome"] = f"{capture.capture_id}, {capture.until - capture.began:.0f} s"
        return capture

    def _wanted(self, kind: str, which: str) -> Wanted:
        if kind not in _KINDS:
            raise ValueError(f"Choose one of {', '.join(_KINDS)}")
        if not which or len(which) > _ID:
            raise ValueError(f"Write which {kind} it is")
        if kind == "project" and not self._pages.known_project(which):
            raise ValueError(f"There is no project {which!r}")
        if kind == "number":
            return Wanted.of_number(which)
        return Wanted(call=which) if kind == "call" else Wanted(project=which)

    async def one(self, request: web.Request) -> web.Response:
        return page(request, "capture.html", path=PATH, live=self._live(request), one=self._shown(request))

    async def moving(self, request: web.Request) -> str:
        """How far it is."""
        found = self._captures.find(request.match_info["id"])  # somebody may delete it meanwhile
        return part(request, "capture_live.html", one=None if found is None else self._shown(request))

    async def stop(self, request: web.Request, _form: Form) -> web.Response:
        capture = self._found(request)
        await self._captures.finish(capture)
        request[DEED]["outcome"] = f"{capture.packets} packets"
        return done(f"{START}/{capture.capture_id}")

    async def delete(self, request: web.Request, _form: Form) -> web.Response:
        try:
            await self._captures.delete(self._found(request))
        except CaptureRefusedError as error:
            raise RefusalError(error.status, str(error)) from None
        return done(f"{PATH}#captures")

    def _live(self, request: web.Request) -> str:
        return f"{LIVE}/{quote(request.match_info['id'], safe='')}"

    def _shown(self, request: web.Request) -> dict[str, Any]:
        return shown(self._found(request), clear=in_clear(request, shown=self._desk.numbers_shown()))

    def _found(self, request: web.Request) -> Capture:
        capture = self._captures.find(request.match_info["id"])
        if capture is None:
            raise RefusalError(404, _GONE)
        return capture
