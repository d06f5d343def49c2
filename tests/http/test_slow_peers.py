# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Peers that are slow, or many: nobody holds a connection for nothing, nobody holds them all."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from agent.core.model import HttpTls
from agent.http import bodies, connection, listener
from agent.http.listener import ConnectionLimits
from agent.http.operations import operations_app
from agent.http.serving import Server, serve
from tests.harness.streams import hang_up
from tests.http.harness.certificates import new_pair

HALF = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
WHOLE = HALF + b"\r\n"
Serve = Callable[..., Awaitable[Server]]


@pytest.fixture
async def listening(desk: Any) -> AsyncIterator[Serve]:
    servers: list[Server] = []

    async def opened(app: web.Application | None = None, **options: Any) -> Server:
        servers.append(await serve(app or operations_app(desk), "127.0.0.1", 0, **options))
        return servers[-1]

    yield opened
    for server in servers:
        await server.aclose()


async def connect(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", server.port)


async def empty(server: Server) -> None:
    while server.connections:
        await asyncio.sleep(0.01)


async def left_unread(listening: Serve, answer: Callable[[web.Request], Awaitable[web.Response]]) -> None:
    """A peer asks, reads nothing, and loses its connection all the same."""
    app = web.Application()
    app.router.add_get("/healthz", answer)
    server = await listening(app)
    with socket.create_connection(("127.0.0.1", server.port)) as peer:
        peer.send(WHOLE)
        while not server.connections:
            await asyncio.sleep(0.01)
        await empty(server)


# -- slow --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [b"", b"G", HALF])
async def test_a_head_that_does_not_end_ends_the_connection(
    listening: Serve, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.1)
    server = await listening()
    reader, writer = await connect(server)
    writer.write(sent)
    assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
    await empty(server)
    await hang_up(writer)


async def test_drops_do_not_make_it_wait_longer(listening: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.2)
    server = await listening()
    reader, writer = await connect(server)
    answer = asyncio.ensure_future(reader.read())
    with suppress(ConnectionError):
        head, sent = HALF + b"X-Long: " + b"a" * 4000, 0
        while not answer.done():  # one byte more each time
            writer.write(head[sent : sent + 1])
            sent += 1
            await writer.drain()
            await asyncio.sleep(0.02)
    with suppress(ConnectionError):  # a drop that crossed the answer
        assert (await answer).startswith(b"HTTP/1.1 408 ")
    await empty(server)
    await hang_up(writer)


async def test_a_second_request_has_its_own_time_and_a_first_one_that_was_whole_is_served(
    listening: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.1)
    server = await listening()
    reader, writer = await connect(server)
    writer.write(WHOLE)
    assert (await reader.readuntil(b'{"alive": true}')).startswith(b"HTTP/1.1 200 ")
    await asyncio.sleep(0.2)  # idle for longer than a head may take: that is allowed
    writer.write(WHOLE)
    assert (await reader.readuntil(b'{"alive": true}')).startswith(b"HTTP/1.1 200 ")
    writer.write(HALF)
    assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
    await hang_up(writer)


async def test_a_handler_may_take_longer_than_a_head(
    listening: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.1)

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(0.3)
        return web.Response(text="done")

    app = web.Application()
    app.router.add_get("/healthz", slow)
    server = await listening(app)
    reader, writer = await connect(server)
    writer.write(WHOLE)
    assert (await reader.readuntil(b"done")).startswith(b"HTTP/1.1 200 ")
    await hang_up(writer)


@pytest.mark.parametrize("path", ["/signals/s-1/retry", "/signals/s-1/discard"])
async def test_a_body_that_does_not_end_is_answered_408(
    listening: Serve, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("agent.http.signals.READ_SECONDS", 0.1)
    assert bodies.READ_SECONDS > 0.1
    server = await listening()
    reader, writer = await connect(server)
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    writer.write(head.encode() + b"X-Requested-By: test\r\nContent-Length: 100\r\n\r\n{")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 408 ")
    await hang_up(writer)


async def test_a_peer_that_never_reads_its_answer_is_let_go(
    listening: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "UNREAD_SECONDS", 0.1)

    async def much(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * 50_000_000)

    await left_unread(listening, much)


async def test_nor_one_that_does_not_read_what_was_left_when_it_closed(
    listening: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "UNREAD_SECONDS", 3600)
    monkeypatch.setattr(connection, "CLOSE_SECONDS", 0.1)

    async def much(request: web.Request) -> web.Response:
        transport = request.transport
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(high=100_000_000)
        answer = web.Response(body=b"x" * 50_000_000)
        answer.force_close()
        return answer

    await left_unread(listening, much)


async def test_a_tls_handshake_that_does_not_end_is_ended(
    listening: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(listener, "HANDSHAKE_SECONDS", 0.2)
    pair = new_pair(tmp_path)
    server = await listening(tls=HttpTls(certificate=pair.certificate, private_key=pair.private_key))
    reader, writer = await connect(server)
    writer.write(b"\x16\x03\x01")
    assert await reader.read() == b""
    await empty(server)
    await hang_up(writer)


# -- many --------------------------------------------------------------------------------------------------


async def test_what_finds_no_room_gets_503_and_is_counted(listening: Serve) -> None:
    shed: list[bool] = []
    server = await listening(room=ConnectionLimits(total=3, per_address=3), shed=lambda: shed.append(True))
    held = [await connect(server) for _ in range(3)]
    reader, writer = await connect(server)
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1\r\n" in answer
    assert answer.endswith(b'{"error_message": "too many connections: try again in a moment"}')
    assert (server.connections, shed) == (3, [True])
    await hang_up(writer)
    await hang_up(held[0][1])
    while server.connections == 3:
        await asyncio.sleep(0.01)
    reader, writer = await connect(server)
    writer.write(WHOLE)
    assert (await reader.readuntil(b'{"alive": true}')).startswith(b"HTTP/1.1 200 ")
    await hang_up(writer, *(one for _, one in held))


async def test_an_address_has_no_more_than_its_share(listening: Serve) -> None:
    server = await listening(room=ConnectionLimits(total=10, per_address=2))
    held = [await connect(server) for _ in range(2)]
    reader, writer = await connect(server)
    assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
    neighbour_reader, neighbour = await asyncio.open_connection(
        "127.0.0.1", server.port, local_addr=("127.0.0.2", 0)
    )
    neighbour.write(WHOLE)
    assert (await neighbour_reader.readuntil(b'{"alive": true}')).startswith(b"HTTP/1.1 200 ")
    await hang_up(writer, neighbour, *(one for _, one in held))


async def test_a_listener_of_a_name_listens_on_all_its_addresses(desk: Any) -> None:
    server = await serve(operations_app(desk), "localhost", 0)
    reader, writer = await connect(server)
    writer.write(WHOLE.replace(b"127.0.0.1", b"localhost"))
    assert (await reader.readuntil(b'{"alive": true}')).startswith(b"HTTP/1.1 200 ")
    await hang_up(writer)
    await server.aclose()


# -- no descriptors ----------------------------------------------------------------------------------------

STARVED = """
import asyncio, os, resource, sys
from aiohttp import web
from agent.http.listener import ConnectionLimits
from agent.http.serving import serve
from agent.telemetry import logs

logs.configure()

async def alive(request):
    return web.Response(text="alive")

async def main():
    app = web.Application()
    app.router.add_get("/healthz", alive)
    room = ConnectionLimits(int(sys.argv[1]), int(sys.argv[1]))
    server = await serve(app, "127.0.0.1", 0, room=room)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    print(server.port, flush=True)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        try:
            os.close(os.open("/dev/null", os.O_RDONLY))
            print("a descriptor is left, connections", server.connections, flush=True)
        except OSError as error:
            print(error.strerror, "connections", server.connections, flush=True)
    await server.aclose()

asyncio.run(main())
"""


class Starved:
    """A listener in a process that may have 64 descriptors.

    Args:
        room: connections that it would take.
    """

    def __init__(self, room: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", STARVED, str(room)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def ask(self) -> str:
        """Whether it has a descriptor left, and how many connections."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("?\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def end(self) -> str:
        """End it; what it said of itself."""
        _, said = self._process.communicate()
        assert self._process.returncode == 0, said
        return said


def half_sent(port: int, count: int) -> list[socket.socket]:
    held = []
    for _ in range(count):
        held.append(socket.create_connection(("127.0.0.1", port)))
        held[-1].send(HALF)
    return held


def answers(peer: socket.socket) -> bytes:
    peer.settimeout(60)
    with suppress(ConnectionError):
        return peer.recv(100)
    return b""


def test_half_sent_requests_leave_descriptors_for_others() -> None:
    starved = Starved(room=20)
    held = half_sent(starved.port, 100)
    assert all(answers(peer).startswith(b"HTTP/1.1 503 ") for peer in held[20:])
    assert starved.ask() == "a descriptor is left, connections 20"
    held.pop(0).close()
    while not starved.ask().endswith(" 19"):
        time.sleep(0.01)
    with socket.create_connection(("127.0.0.1", starved.port)) as peer:
        peer.send(WHOLE)
        assert answers(peer).startswith(b"HTTP/1.1 200 ")
    for peer in held:
        peer.close()
    starved.end()


def test_a_process_that_has_no_descriptor_left_sheds_with_the_one_it_kept() -> None:
    starved = Starved(room=1000)
    held = half_sent(starved.port, 100)
    assert answers(held[-1]).startswith(b"HTTP/1.1 503 "), "the newest finds no room, and is told"
    said = starved.ask()
    assert said.startswith("Too many open files connections ")
    taken = int(said.split()[-1])
    assert taken < 64
    for peer in held:
        peer.close()
    while not starved.ask().endswith(" 0"):
        time.sleep(0.01)
    with socket.create_connection(("127.0.0.1", starved.port)) as peer:
        peer.send(WHOLE)
        assert answers(peer).startswith(b"HTTP/1.1 "), "it is there again"
    said = starved.end()
    assert said.count("an HTTP connection can't be taken") == 1, "one line, not one for each"
