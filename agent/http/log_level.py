# SPDX-License-Identifier: GPL-3.0-or-later
"""The log's level on the operations listener: another one for a while, of the node or one project."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from agent.core.model.base import Duration
from agent.http.audited import ACTIONS, DEED
from agent.http.bodies import read
from agent.http.errors import refusal
from agent.http.identity import named
from agent.telemetry import logs
from agent.telemetry.levels import LONGEST_SECONDS, USUAL_SECONDS, Level

_BODY_AT_MOST: Final = 1024


class _Wanted(BaseModel):
    """``for``: a duration such as ``10m``; ``project``: of whose calls, the node without it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    level: Level
    project: str = Field(default="", max_length=64)
    seconds: Duration = Field(default=USUAL_SECONDS, alias="for", le=LONGEST_SECONDS)
    by: str = Field(default="", max_length=200)


def add_log_level(app: web.Application, projects: Callable[[], Container[str]]) -> None:
    """Add the routes to the application of the operations listener.

    Args:
        app: the application.
        projects: gives the names of those that are configured.
    """
    routes = _LogLevel(projects)
    app.router.add_get("/loglevel", routes.show)
    app.router.add_put("/loglevel", routes.change)
    app.router.add_delete("/loglevel", routes.back)
    app[ACTIONS].update({("PUT", "/loglevel"): "log_level", ("DELETE", "/loglevel"): "log_level_back"})


class _LogLevel:
    def __init__(self, projects: Callable[[], Container[str]]) -> None:
        self._projects = projects

    async def show(self, _request: web.Request) -> web.Response:
        return web.json_response(_shown())

    async def change(self, request: web.Request) -> web.Response:
        asked = await read(request, _Wanted, _BODY_AT_MOST)
        if asked.project and asked.project not in self._projects():
            return refusal(404, f"there is no project {asked.project!r}")
        by = named(request, asked.by)
        request[DEED]["about"] = asked.project
        logs.change_level(asked.level, asked.seconds, project=asked.project, by=by)
        request[DEED]["outcome"] = f"{asked.level} for {asked.seconds:g} s"
        return web.json_response(_shown())

    async def back(self, request: web.Request) -> web.Response:
        request[DEED]["about"] = project = request.query.get("project", "")
        logs.level_back(project, by=named(request))
        return web.json_response(_shown())


def _shown() -> dict[str, Any]:
    return {"configured": logs.level_configured(), "for_a_while": logs.levels_shown()}
