# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration in force: each value with its place, what waits for a restart, and reloading."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from agent.core.model import Snapshot
from agent.http.audited import DEED
from agent.http.causes import cause_of
from agent.http.console.forms import Form, add_form
from agent.http.console.pages import add_page, page
from agent.http.console.results import KINDS, SAID
from agent.http.console.values import Row, rows
from agent.http.errors import RefusalError
from agent.http.ports import OperationsDesk, ReloadAnswer
from agent.telemetry.audit import of_reload

PATH: Final = "/console/configuration"
_MISTAKES_SHOWN: Final = 100
_PROJECTS_SHOWN: Final = 500
_ROWS_SHOWN: Final = 300


def add_configuration(app: web.Application, desk: OperationsDesk) -> None:
    """Add the pages and what they send to the application of the operations listener."""
    pages = _Configuration(desk)
    add_page(app, PATH, pages.show)
    add_page(app, PATH + "/projects/{name}", pages.project, in_navigation=False)
    add_form(app, PATH, pages.reload, action="reload")


class _Configuration:
    def __init__(self, desk: OperationsDesk) -> None:
        self._desk = desk

    async def show(self, request: web.Request) -> web.Response:
        return self._shown(request, None)

    async def reload(self, request: web.Request, form: Form) -> web.Response:
        answer = await self._desk.reload(confirmed=form["yes"] == "yes", cause=cause_of(request))
        request[DEED]["outcome"] = of_reload(answer.result, answer.mistakes, answer.changes)
        return self._shown(request, answer)

    async def project(self, request: web.Request) -> web.Response:
        snapshot, name = self._desk.snapshot(), request.match_info["name"]
        project = snapshot.projects.get(name)
        if project is None:
            raise RefusalError(404, "no project in force has this name")
        return page(
            request,
            "configuration_project.html",
            path=PATH,
            name=name,
            table_of=_table(snapshot, f"project {name}", project),
            waits=(),
            restart=(),
        )

    def _shown(self, request: web.Request, answer: ReloadAnswer | None) -> web.Response:
        snapshot, kept_out = self._desk.snapshot(), self._desk.kept_out()
        told = answer if answer is not None else kept_out
        return page(
            request,
            "configuration.html",
            path=PATH,
            told=told,
            asked=answer is not None,
            kind="" if told is None else KINDS.get(told.result, "warn"),
            said="" if told is None else SAID.get(told.result, told.result),
            mistakes=() if told is None else told.mistakes[:_MISTAKES_SHOWN],
            more_mistakes=0 if told is None else max(0, len(told.mistakes) - _MISTAKES_SHOWN),
            agent=_table(snapshot, "agent", snapshot.agent),
            carriers=_table(
                snapshot,
                "carriers",
                {"unknown_source": snapshot.unknown_source, "carriers": snapshot.carriers},
            ),
            projects=sorted(snapshot.projects)[:_PROJECTS_SHOWN],
            count=len(snapshot.projects),
            numbers=len(snapshot.numbers),
            folder=_folder(snapshot),
            fingerprint=self._desk.fingerprint(),
            waits=self._desk.restart_waits(),
            restart=self._desk.restart_keys(),
        )


def _folder(snapshot: Snapshot) -> str:
    """Where the files lie."""
    written = snapshot.written.get("agent")
    return "" if written is None else str(Path(written.file).parent)


def _table(snapshot: Snapshot, what: str, model: object) -> dict[str, Any]:
    written = snapshot.written.get(what)
    found: Sequence[Row] = list(rows(model, {} if written is None else written.places()))
    file = Path("" if written is None else written.file)
    return {
        "name": f"{file.parent.name}/{file.name}" if what.startswith("project ") else file.name,
        "rows": found[:_ROWS_SHOWN],
        "more": max(0, len(found) - _ROWS_SHOWN),
    }
