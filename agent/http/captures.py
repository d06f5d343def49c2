# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures on the operations listener: started, looked at, downloaded, stopped, deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container
from contextlib import suppress
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.core.model.base import Duration
from agent.core.model.capture import Size
from agent.http.audited import ACTIONS, DEED
from agent.http.bodies import read
from agent.http.errors import RefusalError
from agent.http.identity import in_clear, named, who
from agent.telemetry.aside import aside
from agent.telemetry.capture import Capture, Wanted
from agent.telemetry.captures import CaptureRefusedError, Captures
from agent.telemetry.logs import masked

_ACTIONS: Final = {
    ("POST", "/captures"): "capture",
    ("POST", "/captures/{id}/stop"): "capture_stop",
    ("DELETE", "/captures/{id}"): "capture_delete",
}
_BODY_AT_MOST: Final = 4096
_WRITTEN_SECONDS: Final = 5.0
_PCAP: Final = "application/vnd.tcpdump.pcap"
_PART: Final = 1_048_576
_DISK_SECONDS: Final = 5.0
_LONGEST_NUMBER: Final = 15  # digits


class _Asked(BaseModel):
    """One of ``call``, ``project``, ``number``; ``for``: a duration; ``size``: such as ``10MB``.

    ``attended``: it ends when nobody asks for it (`GET /captures/{id}`, its file) for so long.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    call: str = Field(default="", max_length=256)
    project: str = Field(default="", max_length=64)
    number: str = Field(default="", max_length=64)
    seconds: Duration | None = Field(default=None, alias="for")
    size: Size | None = None
    rtp: bool = False
    attended: Duration | None = None
    by: str = Field(default="", max_length=200)

    @model_validator(mode="after")
    def _one_of_them(self) -> _Asked:
        if sum(map(bool, (self.call, self.project, self.number))) != 1:
            raise ValueError("name the calls by one of call, project, number")
        if self.number:
            Wanted.of_number(self.number)
        return self

    @property
    def wanted(self) -> Wanted:
        """Which calls."""
        return Wanted.of_number(self.number) if self.number else Wanted(self.call, self.project)


def add_captures(
    app: web.Application,
    captures: Captures,
    projects: Callable[[], Container[str]],
    numbers_shown: Callable[[], bool],
) -> None:
    """Add the routes to the application of the operations listener.

    Args:
        app: the application.
        captures: of the running agent.
        projects: gives the names of those that are configured.
        numbers_shown: whether phone numbers are shown as they are. In the files they always are.
    """
    routes = _Captures(captures, projects, numbers_shown)
    app.router.add_get("/captures", routes.all)
    app.router.add_post("/captures", routes.start)
    app.router.add_get("/captures/{id}", routes.one)
    app.router.add_get("/captures/{id}/pcap", routes.file)
    app.router.add_post("/captures/{id}/stop", routes.stop)
    app.router.add_delete("/captures/{id}", routes.delete)
    app[ACTIONS].update(_ACTIONS)


class _Captures:
    def __init__(
        self,
        captures: Captures,
        projects: Callable[[], Container[str]],
        numbers_shown: Callable[[], bool],
    ) -> None:
        self._captures = captures
        self._projects = projects
        self._numbers_shown = numbers_shown

    async def all(self, request: web.Request) -> web.Response:
        return web.json_response({"captures": [self._shown(request, one) for one in self._captures.all()]})

    async def start(self, request: web.Request) -> web.Response:
        asked = await read(request, _Asked, _BODY_AT_MOST)
        if asked.project and asked.project not in self._projects():
            raise RefusalError(404, f"there is no project {asked.project!r}")
        by = named(request, asked.by)
        request[DEED]["about"] = asked.call or asked.project or masked(asked.number)
        try:
            capture = await self._captures.start(
                asked.wanted,
                seconds=asked.seconds,
                size=asked.size,
                rtp=asked.rtp,
                by=by,
                attended=asked.attended,
            )
        except CaptureRefusedError as error:
            raise RefusalError(error.status, str(error)) from None
        return web.json_response(self._shown(request, capture), status=201)

    async def one(self, request: web.Request) -> web.Response:
        return web.json_response(self._shown(request, self._found(request)))

    async def file(self, request: web.Request) -> web.StreamResponse:
        if not who(request).operator:
            raise RefusalError(403, f"{named(request)} is a viewer: only an operator may fetch a capture")
        capture = self._found(request)
        start = _start(request)
        if capture.ended is not None:
            await self._written(capture)
        end = capture.whole
        part = await _read(capture, start, end)
        answer = web.StreamResponse(
            headers={
                "Content-Type": _PCAP,
                "Content-Disposition": f'attachment; filename="{capture.path.name}"',
                "Cache-Control": "no-store",
                "Content-Length": str(max(0, end - start)),
            }
        )
        await answer.prepare(request)
        with suppress(RefusalError):
            while part:
                await answer.write(part)
                start += len(part)
                self._found(request)  # it is being asked for
                part = await _read(capture, start, end)
        if start < end and request.transport is not None:
            request.transport.abort()  # the length was told: whoever reads must not take this for all of it
        return answer

    async def stop(self, request: web.Request) -> web.Response:
        capture = self._found(request)
        await self._captures.finish(capture)
        return web.json_response(self._shown(request, capture))

    async def delete(self, request: web.Request) -> web.Response:
        capture = self._found(request)
        try:
            await self._captures.delete(capture)
        except CaptureRefusedError as error:
            raise RefusalError(error.status, str(error)) from None
        return web.json_response({"capture_id": capture.capture_id, "deleted": True})

    async def _written(self, capture: Capture) -> None:
        try:
            async with asyncio.timeout(_WRITTEN_SECONDS):
                await capture.written()
        except TimeoutError:
            raise RefusalError(503, "its end is not written yet: the disk is slow", retry_after=1) from None

    def _found(self, request: web.Request) -> Capture:
        capture = self._captures.find(request.match_info["id"])
        if capture is None:
            raise RefusalError(
                404, "there is no such capture (any more); its file may still be in capture.folder"
            )
        return capture

    def _shown(self, request: web.Request, capture: Capture) -> dict[str, Any]:
        return shown(capture, clear=in_clear(request, shown=self._numbers_shown()))


def shown(capture: Capture, *, clear: bool) -> dict[str, Any]:
    """A capture as it may be read: with the number that it is of, or that masked."""
    told = capture.shown()
    return told if clear else {**told, "number": masked(told["number"])}


def _start(request: web.Request) -> int:
    said = request.query.get("from", "0")
    if not (said.isascii() and said.isdigit() and len(said) <= _LONGEST_NUMBER):
        raise RefusalError(422, "from must be a number of bytes, such as from=24")
    return int(said)


async def _read(capture: Capture, start: int, end: int) -> bytes:
    """Bytes of its file from here on, a part of them where there are many; none behind `end`."""

    def read() -> bytes:
        with capture.path.open("rb") as file:
            file.seek(start)
            return file.read(min(_PART, end - start))

    if start >= end:
        return b""
    try:
        return await aside(read, _DISK_SECONDS)
    except FileNotFoundError:
        raise RefusalError(404, f"its file is gone: {capture.path}") from None
    except TimeoutError:
        raise RefusalError(503, "its disk does not answer", retry_after=1) from None
    except OSError as error:
        raise RefusalError(503, f"its file can't be read: {error.strerror}", retry_after=1) from None
