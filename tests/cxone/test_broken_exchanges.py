# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever breaks at whatever step of a signal's way, the outcome says whether the signal may have left.

Three exchanges come before the signal's own: the issuer's document, the token, discovery. Each of the four is
broken in each way, on real sockets; the simulated CXone serves the other three.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import pytest

from agent.core.model.project import Project
from agent.core.outcomes import Answer, Outcome
from agent.cxone.client import Cxone
from agent.simulators.cxone import CxoneSimulator

Break: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

Place: TypeAlias = Callable[[], AbstractAsyncContextManager[str]]

SOON, LATE = 0.5, 10.0
SECRET = "what the caller said"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
FLOOD = 2**16  # of chunks of 64 KiB; nobody should ask for the last one


def _reset(writer: asyncio.StreamWriter) -> None:
    end: socket.socket = writer.get_extra_info("socket")
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _request(reader: asyncio.StreamReader) -> None:
    """Read a request whole."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            await reader.readexactly(int(line.partition(b":")[2]))


async def reset_at_once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    _reset(writer)


async def reset_at_the_first_byte(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(1)
    _reset(writer)


async def reset_after_the_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _request(reader)
    _reset(writer)


async def silent_from_the_start(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read(-1)


def answering(*parts: bytes, then: str = "close") -> Break:
    """Read the request, write these bytes, then close, reset, keep silent or write on for ever."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        for part in parts:
            writer.write(part)
            await writer.drain()
        if then == "reset":
            _reset(writer)
        elif then == "silence":
            await reader.read(-1)
        elif then == "flood":
            for _ in range(FLOOD):
                writer.write(b" " * 2**16)
                await writer.drain()

    return answer


def document(body: bytes, *headers: bytes) -> Break:
    """Answer 200 with a body that is whole."""
    lines = b"".join(header + b"\r\n" for header in headers)
    return answering(HEAD + lines + b"Content-Length: %d\r\n\r\n" % len(body) + body)


BEFORE_AN_ANSWER: dict[str, Break] = {
    "reset at the first byte": reset_at_the_first_byte,
    "reset after the request": reset_after_the_request,
    "silent from the start": silent_from_the_start,
    "closed without an answer": answering(),
    "silent after the request": answering(then="silence"),
    "half a status line": answering(b"HTTP/1.1 20"),
    "half of the head": answering(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "silent in the head": answering(b"HTTP/1.1 200 OK\r\nContent-Le", then="silence"),
    "head and no chunk": answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "another protocol": answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "a header without end": answering(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2**17 + b"\r\n\r\n"),
}
IN_THE_BODY: dict[str, Break] = {
    "body cut": answering(HEAD + b"Content-Length: 100\r\n\r\n{"),
    "body reset": answering(HEAD + b"Content-Length: 100\r\n\r\n{", then="reset"),
    "body silent": answering(HEAD + b"Content-Length: 100\r\n\r\n{", then="silence"),
    "chunk cut": answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{"),
    "body without end": answering(HEAD + b"\r\n", then="flood"),
    "body of 4 GiB announced": answering(HEAD + b"Content-Length: 4294967296\r\n\r\n", then="flood"),
    "no gzip": document(b"{}", b"Content-Encoding: gzip"),
    "gzip of 64 MiB": document(gzip.compress(bytes(2**26)), b"Content-Encoding: gzip"),
    "no JSON": document(b"{'p1':"),
    "JSON of another kind": document(b'["token_endpoint"]'),
    "JSON nested deeply": document(b'{"a":' * 100_000),
    "JSON with a number too long": document(b'{"expires_in":' + b"9" * 10_000 + b"}"),
    "no text": document(bytes(range(256))),
}
ENDLESS = {
    "no connection in time",
    "silent from the start",
    "silent after the request",
    "silent in the head",
    "body silent",
}


@asynccontextmanager
async def broken(how: Break) -> AsyncIterator[str]:
    """A listener that breaks each connection in this way; gives its URL."""
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await how(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client was first
        finally:
            writer.close()
            connections.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tuple(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


@asynccontextmanager
async def closed() -> AsyncIterator[str]:
    """A port at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@asynccontextmanager
async def full() -> AsyncIterator[str]:
    """A port that takes no further connection: to connect takes for ever."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003 - the library's
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def project_through(
    simulator: CxoneSimulator, project_for: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], Project]:
    """Makes a project of which one step leads to a URL, and the others to the simulator."""

    def made(step: str, url: str) -> Project:
        if step == "openid":
            return project_for(url)
        if step == "token":
            simulator.fails("openid", mode="migrate", api_endpoint=f"{url}/auth/token")
        if step == "discovery":  # it is asked for at the issuer that the id_token names
            simulator.fails("openid", mode="migrate", api_endpoint=f"{simulator.url}/auth/token")
            monkeypatch.setattr("agent.simulators.cxone.identity.base_url", lambda _: url)
        if step == "signal":
            simulator.fails("discovery", mode="migrate", api_endpoint=url)
        return project_for(simulator.url)

    return made


@dataclass
class Tried:
    """A signal that was tried: what became of it, and how often it was about to leave."""

    answer: Answer
    about_to_leave: int


async def try_to_signal(cxone: Cxone, project: Project, name: str) -> Tried:
    """Signal; what never ends is waited for a moment, what ends by itself as long as it takes."""
    limit = SOON if name in ENDLESS else LATE
    about_to_leave = 0

    async def before_send() -> None:
        nonlocal about_to_leave
        about_to_leave += 1

    answer = await cxone.signal(project, "1", {"p1": SECRET}, before_send=before_send, timeout=limit)
    assert SECRET not in answer.detail
    return Tried(answer, about_to_leave)


NOT_SENT, UNCERTAIN, ACCEPTED = {Outcome.NOT_SENT}, {Outcome.UNCERTAIN}, {Outcome.ACCEPTED}
OF_THE_SIGNAL: dict[str, tuple[Place, set[Outcome]]] = {
    "nobody there": (closed, NOT_SENT),
    "no connection in time": (full, NOT_SENT),
    # whether the client writes before it sees the reset is a matter of luck; both outcomes are true
    "reset at once": (partial(broken, reset_at_once), NOT_SENT | UNCERTAIN),
    **{name: (partial(broken, how), UNCERTAIN) for name, how in BEFORE_AN_ANSWER.items()},
    # a status that came counts, whatever becomes of a body that nobody needs
    **{name: (partial(broken, how), ACCEPTED) for name, how in IN_THE_BODY.items()},
}


@pytest.mark.parametrize("name", OF_THE_SIGNAL)
async def test_what_breaks_in_the_signal_s_own_exchange(
    cxone: Cxone, project_through: Callable[[str, str], Project], name: str
) -> None:
    place, outcomes = OF_THE_SIGNAL[name]
    async with place() as url:
        project = project_through("signal", url)
        await cxone.ready(project)
        tried = await try_to_signal(cxone, project, name)

    assert tried.answer.outcome in outcomes
    assert tried.answer.may_retry == (tried.answer.outcome is Outcome.NOT_SENT)
    assert tried.about_to_leave == 1


@pytest.mark.parametrize("name", OF_THE_SIGNAL)
@pytest.mark.parametrize("step", ["openid", "token", "discovery"])
async def test_what_breaks_before_it_leaves_the_signal_unsent(
    cxone: Cxone,
    simulator: CxoneSimulator,
    project_through: Callable[[str, str], Project],
    step: str,
    name: str,
) -> None:
    place, _ = OF_THE_SIGNAL[name]
    async with place() as url:
        tried = await try_to_signal(cxone, project_through(step, url), name)

    assert tried.answer.outcome is Outcome.NOT_SENT
    assert tried.answer.may_retry
    assert tried.about_to_leave == 0
    assert simulator.signals() == []
