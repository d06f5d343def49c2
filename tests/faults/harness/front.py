# SPDX-License-Identifier: GPL-3.0-or-later
"""A door between the agent and the simulated CXone: each request and answer that passes is an event.

The simulator's ledger says what NICE took; this says when, to the instant at which a byte was about to move.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

from tests.calls.harness.ports import free_port

ARRIVAL = "Connected"
_DROPPED = ("transfer-encoding", "connection", "keep-alive", "content-length", "content-encoding")


class Front:
    """Listens where the agent takes NICE to be, and passes everything on.

    Args:
        simulator: the simulator's port.

    Attributes:
        on: called at each step with the contact id (empty for log-in and discovery).
        port: for the plan.
        under_way: requests that have come and are not answered yet.
        delay: seconds that each request waits before it is passed on, and its answer before it goes back.
        loses: a request is not passed on whose turn it is while this is set: the network lost it.
    """

    def __init__(self, simulator: int, on: Callable[[str, str], None] = lambda _step, _contact: None) -> None:
        self._simulator, self.on = simulator, on
        self.port = free_port()
        self.under_way = 0
        self.delay: Callable[[], float] = lambda: 0.0
        self.loses = False
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the door."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self.shut()
        if self._session is not None:
            await self._session.close()

    async def open(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def shut(self) -> None:
        """NICE is gone: connections break off and new ones are refused."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _pass(self, asked: web.Request) -> web.StreamResponse:
        body = await asked.read()
        what, contact = _kind(asked, body)
        self.under_way += 1
        try:
            self.on(f"{what} request", contact)
            await asyncio.sleep(self.delay())
            if self.loses:
                if asked.transport is not None:
                    asked.transport.abort()
                return web.Response(status=500)
            answer = await self._ask(asked, body)
            self.on(f"{what} answer in hand", contact)
            await asyncio.sleep(self.delay())
            with suppress(ConnectionError):  # the agent is dead
                await answer.prepare(asked)
                await answer.write_eof()
                self.on(f"{what} answer returned", contact)
            return answer
        finally:
            self.under_way -= 1

    async def _ask(self, asked: web.Request, body: bytes) -> web.Response:
        assert self._session is not None
        url = f"http://127.0.0.1:{self._simulator}{asked.path_qs}"
        headers = {name: value for name, value in asked.headers.items() if name.lower() not in _DROPPED}
        try:
            async with self._session.request(asked.method, url, data=body or None, headers=headers) as answer:
                kept = {name: value for name, value in answer.headers.items() if name.lower() not in _DROPPED}
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)
        except aiohttp.ClientError:
            if asked.transport is not None:
                asked.transport.abort()
            return web.Response(status=502)


def _kind(asked: web.Request, body: bytes) -> tuple[str, str]:
    """What is asked for, and for which contact."""
    parts = asked.path.strip("/").split("/")
    if parts[-1] != "signal":
        return ("log-in" if "token" in parts else "discovery"), ""
    with suppress(ValueError):
        return ("arrival" if json.loads(body).get("p1") == ARRIVAL else "terminal"), parts[-2]
    return "terminal", parts[-2]
