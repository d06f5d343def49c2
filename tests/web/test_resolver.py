# SPDX-License-Identifier: GPL-3.0-or-later
"""What leaves by HTTP finds its hosts by our resolver, and a name that is silent keeps no other waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web

from agent.http.serving import serve
from agent.names.names import Names
from agent.web.answer import Response
from agent.web.client import Client
from agent.web.failures import NoAnswerError
from agent.web.request import common, parted, whole
from agent.web.session import new_session, new_session_apart
from tests.harness.name_server import NameServer


@pytest.fixture
def server() -> Iterator[NameServer]:
    with NameServer() as running:
        yield running


@pytest.fixture
async def names(server: NameServer) -> AsyncIterator[Names]:
    async with Names([server.address]) as made:
        yield made


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=request.host)

    app = web.Application()
    app.router.add_get("/", answer)
    listening = await serve(app, "127.0.0.1", 0)
    yield listening.port
    await listening.aclose()


async def get(client: Client, url: str) -> Response:
    to, target = parted(url)
    return await client.request(to, whole("GET", target, common(to), None), seconds=30, limit=1000)


async def test_a_host_is_found_and_keeps_its_name(names: Names, server: NameServer, port: int) -> None:
    server.has("api.example", "127.0.0.1")
    async with new_session(names) as client:
        assert (await get(client, f"http://api.example:{port}/")).text == f"api.example:{port}"


async def test_a_dead_address_is_followed_by_the_next(names: Names, server: NameServer, port: int) -> None:
    server.has("api.example", "127.0.0.9", "127.0.0.1")
    async with new_session(names) as client:
        assert (await get(client, f"http://api.example:{port}/")).status == 200


async def test_a_name_without_an_address_is_an_error_of_dns(names: Names, port: int) -> None:
    async with new_session(names) as client:
        with pytest.raises(NoAnswerError, match="the host name could not be resolved") as caught:
            await get(client, f"http://nobody.example:{port}/")
        assert not caught.value.may_have_left


async def test_sixty_silent_names_of_customers_hold_no_signal_up(
    names: Names, server: NameServer, port: int
) -> None:
    server.has("nice.example", "127.0.0.1")
    server.silent |= {f"customer{number}.example" for number in range(60)}
    async with new_session_apart(names) as apart, new_session(names) as client:
        hanging = [
            asyncio.ensure_future(get(apart, f"http://customer{number}.example/")) for number in range(60)
        ]
        while len({name for _, name in server.asked}) < 60:
            await asyncio.sleep(0.01)
        assert (await get(client, f"http://nice.example:{port}/")).status == 200
        assert not any(one.done() for one in hanging)
        for one in hanging:
            one.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
