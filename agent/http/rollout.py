# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``handoff-agent rollout`` asks of a node: look at the files, take them, go back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final, Protocol

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from agent.core.reloads import Cause
from agent.core.rollout import Order
from agent.http.audited import ACTIONS, DEED
from agent.http.bodies import read
from agent.http.causes import cause_of
from agent.http.ports import ReloadAnswer
from agent.telemetry.audit import of_reload

_BODY_AT_MOST: Final = 1024
_STATUS: Final = {"refused": 422, "held": 409}
_ACTIONS: Final = {
    ("POST", "/rollout/look"): "rollout_look",
    ("POST", "/rollout/take"): "rollout_take",
    ("POST", "/rollout/back"): "rollout_back",
}


@dataclass(frozen=True, slots=True)
class RolloutAnswer:
    """What a node says.

    Attributes:
        answer: what became of it, or would.
        in_force: the fingerprint in force now.
        files: the one that the files on disk give; empty where they have mistakes or were not read.
    """

    answer: ReloadAnswer
    in_force: str
    files: str = ""


class RolloutDesk(Protocol):
    """What the routes need of the node."""

    async def look(self, *, confirmed: bool) -> RolloutAnswer:
        """What taking the files would do; nothing comes into force."""

    async def take(self, order: Order, cause: Cause, *, confirmed: bool) -> RolloutAnswer:
        """Put the files in force if they are those ordered."""

    async def back(self, to: str, instead_of: str, cause: Cause) -> RolloutAnswer:
        """Put what was in force before in force again."""


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Look(_Asked):
    """``yes``: the number map may lose more than ``reload_guard`` lets go unasked."""

    yes: bool = False


class _Take(_Look):
    """``fingerprint`` of what is to come into force, until then (seconds since the epoch)."""

    fingerprint: str = Field(min_length=1, max_length=64)
    until: float


class _Back(_Asked):
    """Fingerprints: of what is to be in force again, and of what is now."""

    to: str = Field(min_length=1, max_length=64)
    instead_of: str = Field(min_length=1, max_length=64)


def add_rollout(app: web.Application, desk: RolloutDesk) -> None:
    """Add the routes to the application of the operations listener."""
    routes = _Rollout(desk)
    app[ACTIONS].update(_ACTIONS)
    app.router.add_post("/rollout/look", routes.look)
    app.router.add_post("/rollout/take", routes.take)
    app.router.add_post("/rollout/back", routes.back)


class _Rollout:
    def __init__(self, desk: RolloutDesk) -> None:
        self._desk = desk

    async def look(self, request: web.Request) -> web.Response:
        asked = await read(request, _Look, _BODY_AT_MOST)
        return self._told(request, await self._desk.look(confirmed=asked.yes), {})

    async def take(self, request: web.Request) -> web.Response:
        asked = await read(request, _Take, _BODY_AT_MOST)
        order = Order(asked.fingerprint, asked.until)
        done = await self._desk.take(order, cause_of(request), confirmed=asked.yes)
        return self._told(request, done, _STATUS)

    async def back(self, request: web.Request) -> web.Response:
        asked = await read(request, _Back, _BODY_AT_MOST)
        done = await self._desk.back(asked.to, asked.instead_of, cause_of(request))
        return self._told(request, done, _STATUS)

    def _told(self, request: web.Request, done: RolloutAnswer, statuses: dict[str, int]) -> web.Response:
        answer = done.answer
        request[DEED]["outcome"] = of_reload(answer.result, answer.mistakes, answer.changes)
        body = {**asdict(answer), "in_force": done.in_force, "files": done.files}
        return web.json_response(body, status=statuses.get(answer.result, 200))
