# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""What moves: streams that are bounded, that send only what changed, and that end with the listener."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from agent.http.console import live
from agent.http.console.live import STREAMS
from agent.http.console.overview import LIVE
from agent.http.operations import operations_app
from agent.http.serving import Server, serve

EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture
def app(desk: Any, monkeypatch: pytest.MonkeyPatch) -> web.Application:
    monkeypatch.setattr(live, "EVERY_SECONDS", 0.02)
    return operations_app(desk)


@pytest.fixture
async def server(app: web.Application) -> AsyncIterator[Server]:
    made = await serve(app, "127.0.0.1", 0)
    yield made
    await made.aclose()


@pytest.fixture
async def session(server: Server) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as made:
        yield made


async def event(answer: aiohttp.ClientResponse) -> str:
    """The data of the next event."""
    lines: list[str] = []
    async for line in answer.content:
        if line == b"\n" and lines:
            return "\n".join(lines)
        if line.startswith(b"data: "):
            lines.append(line[6:-1].decode())
    raise EOFError


async def test_a_change_is_sent_and_nothing_else(session: aiohttp.ClientSession, desk: Any) -> None:
    async with session.get(LIVE, headers=EVENTS) as answer:
        assert answer.content_type == "text/event-stream"
        assert "Nothing is wrong" in await event(answer)
        desk.seen = replace(desk.seen, calls=77)
        assert "77" in await event(answer)


async def test_who_asks_for_html_gets_it_once(session: aiohttp.ClientSession) -> None:
    async with session.get(LIVE, headers={"Accept": "text/html"}) as answer:
        text = await answer.text()
    assert "Nothing is wrong" in text
    assert "<html" not in text


async def test_there_are_only_so_many_streams(
    session: aiohttp.ClientSession, app: web.Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "STREAMS_AT_MOST", 1)
    first = await session.get(LIVE, headers=EVENTS)
    await event(first)
    async with session.get(LIVE, headers=EVENTS) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
    first.close()
    desk_is_told = app[STREAMS]
    while desk_is_told.count:
        await asyncio.sleep(0.01)
    async with session.get(LIVE, headers=EVENTS) as answer:
        assert answer.status == 200


async def test_streams_end_with_the_listener(
    session: aiohttp.ClientSession, server: Server, app: web.Application
) -> None:
    answer = await session.get(LIVE, headers=EVENTS)
    await event(answer)
    await server.aclose()
    with pytest.raises((EOFError, aiohttp.ClientError)):
        await event(answer)
    assert app[STREAMS].count == 0


async def test_one_rendering_serves_all_who_look(
    session: aiohttp.ClientSession, desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "EVERY_SECONDS", 60.0)
    looks, look = [], desk.overview

    def counted() -> Any:
        looks.append(1)
        return look()

    desk.overview = counted
    answers = [await session.get(LIVE, headers=EVENTS) for _ in range(5)]
    for answer in answers:
        await event(answer)
        answer.close()
    assert len(looks) == 1


async def test_what_moves_is_never_older_than_the_page_it_stands_on(
    session: aiohttp.ClientSession, desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "EVERY_SECONDS", 60.0)
    async with session.get(LIVE, headers=EVENTS) as somebody_else:
        await event(somebody_else)
        desk.seen = replace(desk.seen, calls=77)
        async with session.get("/") as page:
            assert "77" in await page.text()
        async with session.get(LIVE, headers=EVENTS) as answer:
            assert "77" in await event(answer)
