# SPDX-License-Identifier: GPL-3.0-or-later
"""What moves: a piece of a page that is sent again when it has changed (server-sent events, HTML 9.2).

The same address gives the piece once to who asks for HTML, so that a script without a stream can look again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from agent.http.console.pages import PAGES
from agent.http.errors import RefusalError
from agent.http.identity import who

STREAMS_AT_MOST: Final = 32
"""Of all people together; the others' scripts look again every few seconds."""
EVERY_SECONDS: Final = 2.0
_LONGEST_SECONDS: Final = 600.0  # then the browser asks again, and is asked who it is
_SILENT_SECONDS: Final = 15.0
_EVENTS: Final = "text/event-stream"

Render = Callable[[web.Request], Awaitable[str]]


class Streams:
    """The streams of one application.

    Attributes:
        end: set when the listener ends.
        count: how many are open.
        texts: what was rendered last and when that was begun (monotonic), by address and role: one rendering
            serves all who look at the same.
    """

    def __init__(self) -> None:
        self.end = asyncio.Event()
        self.count = 0
        self.texts: dict[tuple[str, str], tuple[float, str]] = {}

    async def close(self, _app: web.Application) -> None:
        """End them all."""
        self.end.set()

    async def text(self, request: web.Request, render: Render) -> str:
        """The piece, rendered at most every `EVERY_SECONDS` for all who see the same.

        One from before the newest page is rendered anew: it would take back what that page shows already.
        """
        now = time.monotonic()
        key = request.path_qs, f"{who(request).way} {who(request).role}"
        known = self.texts.get(key)
        newest = request.app[PAGES].newest
        if known is not None and known[0] >= newest and now - known[0] < EVERY_SECONDS / 2:
            return known[1]
        text = await render(request)
        self.texts = {each: kept for each, kept in self.texts.items() if now - kept[0] < EVERY_SECONDS}
        self.texts[key] = now, text
        return text


STREAMS: Final = web.AppKey("streams", Streams)


def add_live(app: web.Application, path: str, render: Render) -> None:
    """Add a piece that moves.

    Args:
        app: of the operations listener.
        path: ``/console/live/…``; an element with ``data-live="PATH"`` shows it.
        render: gives the piece, the same for all of one role; forms have no place in it.
    """

    async def piece(request: web.Request) -> web.StreamResponse:
        streams = request.app[STREAMS]
        if _EVENTS in request.headers.get("Accept", ""):
            return await _stream(request, streams, render)
        return web.Response(
            text=await streams.text(request, render), content_type="text/html", charset="utf-8"
        )

    app.router.add_get(path, piece, allow_head=False)


async def _stream(request: web.Request, streams: Streams, render: Render) -> web.StreamResponse:
    if streams.count >= STREAMS_AT_MOST or streams.end.is_set():
        raise RefusalError(503, f"{STREAMS_AT_MOST} people are looking already", retry_after=10)
    streams.count += 1
    response = web.StreamResponse(headers={"Content-Type": f"{_EVENTS}; charset=utf-8"})
    try:
        await response.prepare(request)
        await _feed(request, response, streams, render)
    except ConnectionError:
        pass  # nobody looks any more
    finally:
        streams.count -= 1
    return response


async def _feed(request: web.Request, response: web.StreamResponse, streams: Streams, render: Render) -> None:
    loop = asyncio.get_running_loop()
    until, written, last = loop.time() + _LONGEST_SECONDS, loop.time(), ""
    while not streams.end.is_set() and loop.time() < until and _still_may(request):
        text = await streams.text(request, render)
        if text != last:
            await response.write(_event(text))
            last, written = text, loop.time()
        elif loop.time() - written > _SILENT_SECONDS:
            await response.write(b":\n\n")  # a peer that is gone is found out by writing to it
            written = loop.time()
        try:
            async with asyncio.timeout(EVERY_SECONDS):
                await streams.end.wait()
        except TimeoutError:
            continue


def _still_may(request: web.Request) -> bool:
    """Whether who looks is still who they were: a log-out, or a reload, may have ended that."""
    try:
        found = request.app[PAGES].access.identify(request)
    except RefusalError:
        return False
    return found is not None and found.role == who(request).role


def _event(text: str) -> bytes:
    return "".join(f"data: {line}\n" for line in text.splitlines()).encode() + b"\n"
