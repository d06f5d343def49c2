# SPDX-License-Identifier: GPL-3.0-or-later
"""A customer's system: takes webhooks, checks their signature, and misbehaves as a test wants."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

from aiohttp import web

SECRET = "s3cret"
Answer: TypeAlias = "int | tuple[int, dict[str, str]] | str"
"""A status, one with headers; or: reset, hang, endless, cut, garbage."""


@dataclass
class Receiver:
    """Answers from `script`, one after the other, and 200 once that is empty; on a free port if that is 0."""

    script: list[Answer] = field(default_factory=list)
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    secret: str = SECRET
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=2**24)
        application.router.add_post("/handoffs", self._take)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/handoffs"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.let_go.set()
        assert self._runner is not None
        await self._runner.cleanup()

    @property
    def times(self) -> Counter[str]:
        """How often each handoff was told."""
        return Counter(headers["X-Handoff-Id"] for headers, _ in self.posts)

    async def reached(self, count: int) -> None:
        """Wait until so many posts came."""
        while len(self.posts) < count:
            self.arrived.clear()
            await self.arrived.wait()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        signed = request.headers["X-Handoff-Timestamp"].encode() + b"." + body
        expected = "v1=" + hmac.new(self.secret.encode(), signed, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(expected, request.headers["X-Handoff-Signature"])
        assert request.content_type == "application/json"
        self.posts.append((dict(request.headers), body))
        self.arrived.set()
        answer = self.script.pop(0) if self.script else 200
        if isinstance(answer, int):
            return web.Response(status=answer)
        if isinstance(answer, tuple):
            return web.Response(status=answer[0], headers=answer[1])
        return await self._misbehave(answer, request)

    async def _misbehave(self, how: str, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        assert transport is not None
        if how == "hang":
            await self.let_go.wait()
            return web.Response(status=200)
        if how == "endless":  # the status comes, the body never ends
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"x")
            await self.let_go.wait()
            return response
        if how == "reset":
            end: Any = transport.get_extra_info("socket")
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif how == "garbage":
            assert isinstance(transport, asyncio.Transport)
            transport.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        transport.abort() if how == "reset" else transport.close()
        return web.Response()
