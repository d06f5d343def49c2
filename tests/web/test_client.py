# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP client on real sockets, against servers that say just what a test wants."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from aiohappyeyeballs import start_connection

from agent.names.names import Names
from agent.web import dialling
from agent.web.answer import Response
from agent.web.client import Client
from agent.web.failures import NoAnswerError
from agent.web.request import Origin, common, lines, parted, whole
from tests.calls.harness.waiting import eventually
from tests.harness.name_server import NameServer
from tests.http.harness.certificates import new_pair

Serve: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
NO_HTTP = "the exchange failed (what came is no HTTP)"
TOO_LONG = "the exchange failed (what came is too long)"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Server:
    """Reads a request, writes the next answer of the script, and so on; keeps count.

    Attributes:
        script: answers; after None the connection is closed. An empty script answers 200 for ever.
        connections: how many came.
        heads: of the requests.
        bodies: of the requests.
        closed: set when a client has closed a connection.
        release: answers wait for it.
    """

    script: list[bytes | None] = field(default_factory=list)
    connections: int = 0
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    host: str = "127.0.0.1"
    port: int = 0
    tls: bool = False

    @property
    def to(self) -> Origin:
        """Where it is."""
        return Origin(self.host, self.port, self.tls, f"{self.host}:{self.port}")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
                self.bodies.append(await reader.readexactly(length))
                self.arrived.set()
                if self.release is not None:
                    await self.release.wait()
                answer = self.script.pop(0) if self.script else OK
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.closed.set()
        finally:
            writer.close()


@asynccontextmanager
async def listening(
    server: Server, serve: Serve | None = None, context: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    listener = await asyncio.start_server(serve or server.serve, "127.0.0.1", 0, ssl=context)
    server.port, server.tls = listener.sockets[0].getsockname()[1], context is not None
    try:
        yield server
    finally:
        listener.close()


@pytest.fixture
async def names() -> AsyncIterator[Names]:
    async with Names() as made:
        yield made


@pytest.fixture
async def client(names: Names) -> AsyncIterator[Client]:
    async with Client(names, 4) as made:
        yield made


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with listening(Server()) as made:
        yield made


async def ask(
    client: Client, to: Origin, body: bytes = b"{}", *, seconds: float = 30, limit: int = 1000
) -> Response:
    return await client.request(to, whole("POST", "/x", common(to), body), seconds=seconds, limit=limit)


async def in_vain(client: Client, to: Origin, *, seconds: float = 30, body: bytes = b"{}") -> NoAnswerError:
    with pytest.raises(NoAnswerError) as caught:
        await ask(client, to, body, seconds=seconds)
    return caught.value


@pytest.mark.parametrize(
    ("answer", "status", "body", "kept"),
    [
        (OK, 200, b"ok", True),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", 202, b"", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1;e=x\r\n!\r\n0\r\nT: 1\r\n\r\n",
         200, b"ok!", True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: </x>\r\n\r\n" + OK, 200, b"ok", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", 200, b"ok", True),
        (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nxx", 101, b"", False),
        (OK + b"HTTP/1.1 500 Not Asked For\r\nContent-Length: 0\r\n\r\n", 200, b"ok", False),
        (OK + b"garbage", 200, b"ok", False),
        (b"HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n", 302, b"", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000, 200, b"x" * 1000, True),
    ],
)  # fmt: skip
async def test_answers_and_whether_the_next_request_takes_the_same_connection(
    client: Client, server: Server, answer: bytes, status: int, body: bytes, *, kept: bool
) -> None:
    server.script = [answer, OK]

    first = await ask(client, server.to)
    second = await ask(client, server.to)

    assert (first.status, first.body) == (status, body)
    assert (second.status, second.body) == (200, b"ok")
    assert server.connections == (1 if kept else 2)
    assert len(server.heads) == 2


async def test_a_body_that_ends_with_the_connection_is_whole(client: Client) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nall ")
        await writer.drain()
        writer.write(b"of it")
        writer.close()

    async with listening(Server(), serve) as other:
        assert (await ask(client, other.to)).body == b"all of it"


async def test_an_answer_in_single_bytes_is_the_same_answer(client: Client) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        sent = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-Long: abc\r\nContent-Length: 2\r\n\r\nok"
        for byte in sent:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read(-1)
        writer.close()

    async with listening(Server(), serve) as server:
        answer = await ask(client, server.to)
    assert (answer.status, answer.body, answer.headers["x-long"]) == (200, b"ok", "abc")
    assert answer.headers.get("Content-Length") == "2"
    assert "absent" not in answer.headers


async def test_a_connection_that_was_closed_while_idle_is_not_used(client: Client, server: Server) -> None:
    server.script = [OK, None]
    await ask(client, server.to)
    async with asyncio.timeout(60):
        assert (await in_vain(client, server.to)).may_have_left
    await ask(client, server.to)
    assert len(server.heads) == 3


async def test_what_the_loop_has_not_read_yet_keeps_a_request_from_a_closed_connection(
    client: Client,
) -> None:
    """The far end's FIN is in the kernel; the loop has had no turn to read it."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)  # noqa: FBT003 - the library's
        to = Origin("127.0.0.1", listener.getsockname()[1], tls=False, named="x")
        for _ in range(2):
            asked = asyncio.create_task(ask(client, to))
            far, _ = await loop.sock_accept(listener)
            assert b"\r\n\r\n{}" in await loop.sock_recv(far, 1000)
            await loop.sock_sendall(far, OK)
            assert (await asked).status == 200
            far.close()  # and at once, without a turn of the loop, the next request


@pytest.mark.parametrize("read", [True, False], ids=["the loop has read", "the loop has not read"])
async def test_an_answer_that_nobody_asked_for_is_never_taken_for_one_that(
    client: Client,
    read: bool,  # noqa: FBT001
) -> None:
    loop = asyncio.get_running_loop()
    forged = b"HTTP/1.1 500 Forged\r\nContent-Length: 0\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)  # noqa: FBT003 - the library's
        to = Origin("127.0.0.1", listener.getsockname()[1], tls=False, named="x")
        asked = asyncio.create_task(ask(client, to))
        first, _ = await loop.sock_accept(listener)
        await loop.sock_recv(first, 1000)
        await loop.sock_sendall(first, OK)
        await asked
        if read:
            await loop.sock_sendall(first, forged)
            await eventually(lambda: not client.connections, what="the connection is given up")
        else:
            first.send(forged)  # no turn of the loop from here on
        asked = asyncio.create_task(ask(client, to))
        second, _ = await loop.sock_accept(listener)
        await loop.sock_recv(second, 1000)
        await loop.sock_sendall(second, OK)
        assert (await asked).status == 200
        first.close()
        second.close()


async def test_idle_connections_are_closed_after_their_time(names: Names, server: Server) -> None:
    async with Client(names, 4, idle_seconds=0.05) as client:
        await ask(client, server.to)
        assert client.connections == 1
        async with asyncio.timeout(60):
            await server.closed.wait()
        while client.connections:
            await asyncio.sleep(0)
        await ask(client, server.to)
        assert server.connections == 2


async def test_no_more_connections_than_the_bound_and_each_is_used_again(
    client: Client, server: Server
) -> None:
    server.release = asyncio.Event()
    asked = [asyncio.create_task(ask(client, server.to)) for _ in range(20)]
    while len(server.heads) < 4:
        server.arrived.clear()
        await server.arrived.wait()
    assert client.connections == 4
    server.release.set()
    assert {answer.status for answer in await asyncio.gather(*asked)} == {200}
    assert server.connections == 4


async def test_who_waits_for_room_is_not_sent_in_time_and_may_be_cancelled(
    client: Client, server: Server
) -> None:
    server.release = asyncio.Event()
    hanging = [asyncio.create_task(ask(client, server.to)) for _ in range(4)]
    while len(server.heads) < 4:
        server.arrived.clear()
        await server.arrived.wait()
    cancelled = asyncio.create_task(ask(client, server.to))
    late = await in_vain(client, server.to, seconds=0.01)
    assert not late.may_have_left
    assert late.words == "no connection in time"
    cancelled.cancel()
    server.release.set()
    await asyncio.gather(*hanging, cancelled, return_exceptions=True)
    assert len(server.heads) == 4
    assert (await ask(client, server.to)).status == 200  # no room was lost


async def test_a_cancelled_request_closes_its_connection(client: Client, server: Server) -> None:
    server.release = asyncio.Event()
    asked = asyncio.create_task(ask(client, server.to))
    await server.arrived.wait()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    server.release.set()
    server.release = None
    for _ in range(5):
        assert (await ask(client, server.to)).status == 200
    assert server.connections == 2


async def test_cancelled_while_it_connects_nothing_stays_open(client: Client) -> None:
    with socket.socket() as listener:  # its queue is full: to connect takes for ever
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        others = [socket.socket() for _ in range(4)]
        for other in others:
            other.setblocking(False)  # noqa: FBT003 - the library's
            other.connect_ex(listener.getsockname())
        to = Origin("127.0.0.1", listener.getsockname()[1], tls=False, named="x")
        asked = asyncio.create_task(ask(client, to))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        late = await in_vain(client, to, seconds=0.01)
        assert (late.may_have_left, late.words) == (False, "no connection in time")
        for other in others:
            other.close()
    assert client.connections == 0


async def test_an_answer_before_the_request_is_written_whole_counts_and_ends_the_connection(
    client: Client,
) -> None:
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await done.wait()
        writer.transport.abort()

    async with listening(Server(), serve) as server:
        assert (await ask(client, server.to, b"x" * 2**25)).status == 413
        assert (await ask(client, server.to)).status == 413
        done.set()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", NO_HTTP),
        (b"HTTP/1.1 20", "the connection was lost before an answer came"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", NO_HTTP),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", NO_HTTP),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2**18, TOO_LONG),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 2**16, TOO_LONG),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 2**14, TOO_LONG),
    ],
)  # fmt: skip
async def test_what_is_no_answer_leaves_the_request_in_doubt(client: Client, said: bytes, words: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(said)
        writer.close()

    async with listening(Server(), serve) as other:
        failed = await in_vain(client, other.to)
    assert (failed.words, failed.may_have_left) == (words, True)


async def test_a_trailer_without_end_is_not_read_for_ever(client: Client) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(b"HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ")
        try:
            while True:
                writer.write(b"x" * 2**16)
                await writer.drain()
        except ConnectionError:
            writer.close()

    async with listening(Server(), serve) as server:
        assert (await ask(client, server.to)).status == 503  # a status that came counts


async def test_no_answer_in_time_leaves_the_request_in_doubt(client: Client, server: Server) -> None:
    server.release = asyncio.Event()
    failed = await in_vain(client, server.to, seconds=0.05)
    assert (failed.words, failed.may_have_left) == ("no answer in time", True)
    server.release.set()


async def test_each_request_has_its_own_time(client: Client, server: Server) -> None:
    server.release = asyncio.Event()
    limits = (30, 0.04, 0.02, 29)
    asked = [asyncio.create_task(ask(client, server.to, seconds=limit)) for limit in limits]
    ended: list[int] = []
    for number, one in enumerate(asked):
        one.add_done_callback(lambda _, number=number: ended.append(number))  # type: ignore[misc]
    await asyncio.wait(asked[1:3])
    assert ended == [2, 1]
    server.release.set()
    assert [(await asked[number]).status for number in (0, 3)] == [200, 200]
    assert (await ask(client, server.to)).status == 200


async def test_requests_and_answers_never_mix(client: Client) -> None:
    """Each answer repeats the body of its request, while one in three is cut off or cancelled."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                number = await reader.readexactly(4)
                if int(number) % 3 == 1:
                    break
                await asyncio.sleep(0)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + number)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def one(server: Server, number: int) -> bool:
        asked = asyncio.create_task(ask(client, server.to, b"%04d" % number))
        if number % 3 == 2:
            for _ in range(number % 7):
                await asyncio.sleep(0)
            asked.cancel()
        try:
            return (await asked).body == b"%04d" % number
        except (NoAnswerError, asyncio.CancelledError):
            return number % 3 != 0

    async with listening(Server(), serve) as server:
        assert all(await asyncio.gather(*(one(server, number) for number in range(600))))


# -- TLS -----------------------------------------------------------------------------------------------------


@pytest.fixture
def contexts(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context, for ``nice.example``, and one of a client that trusts its authority."""
    pair = new_pair(tmp_path, dns="nice.example")
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.load_cert_chain(pair.certificate, pair.private_key)
    return ours, ssl.create_default_context(cafile=str(pair.certificate))


async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Speak without TLS, and first."""
    writer.write(b"220 mail.example ESMTP\r\n")
    writer.close()


async def test_tls_checks_the_name_and_its_connections_are_kept(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    ours, theirs = contexts
    with NameServer() as dns:
        dns.has("nice.example", "127.0.0.1")
        dns.has("other.example", "127.0.0.1")
        async with (
            Names([dns.address]) as names,
            Client(names, 4, context=theirs) as client,
            listening(Server(), context=ours) as server,
        ):
            server.host = "nice.example"
            for _ in range(3):
                assert (await ask(client, server.to)).body == b"ok"
            assert server.connections == 1
            server.host = "other.example"
            failed = await in_vain(client, server.to)
            assert (failed.words, failed.may_have_left) == (
                "the server's certificate was not accepted", False,
            )  # fmt: skip
            assert len(server.heads) == 3


async def test_tls_that_is_not_trusted_or_no_tls_at_all_is_surely_not_sent(
    names: Names, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    async with (
        Client(names, 4) as client,
        listening(Server(), context=contexts[0]) as secured,
        listening(Server(), greet) as server,
    ):
        failed = await in_vain(client, secured.to)
        assert (failed.words, failed.may_have_left) == ("the server's certificate was not accepted", False)
        plain = Origin(server.host, server.port, tls=True, named="x")
        failed = await in_vain(client, plain)
        assert (failed.words, failed.may_have_left) == ("no TLS connection could be made", False)


async def test_an_address_without_tls_is_followed_by_the_next(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    tried = 0

    async def no_tls(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tried
        tried += 1
        await greet(_, writer)

    with NameServer() as dns:
        dns.has("nice.example", "127.0.0.2", "127.0.0.1")
        async with (
            Names([dns.address]) as names,
            Client(names, 4, context=contexts[1]) as client,
            listening(Server(host="nice.example"), context=contexts[0]) as server,
            await asyncio.start_server(no_tls, "127.0.0.2", server.port),
        ):
            assert (await ask(client, server.to)).body == b"ok"
    assert tried == 1


async def test_a_reset_under_tls_leaves_the_request_in_doubt(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.transport.abort()

    with NameServer() as dns:
        dns.has("nice.example", "127.0.0.1")
        async with (
            Names([dns.address]) as found,
            Client(found, 4, context=contexts[1]) as client,
            listening(Server(host="nice.example"), serve, contexts[0]) as server,
        ):
            failed = await in_vain(client, server.to)
    assert (failed.words, failed.may_have_left) == ("the connection was lost before an answer came", True)


# -- what is asked -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\rb", "a\0b", "\x7f"])
def test_nothing_in_a_header_can_begin_another_one(value: str) -> None:
    with pytest.raises(ValueError, match="control characters"):
        lines({"X-Id": value})
    with pytest.raises(ValueError, match="no token"):
        lines({value: "x"})


@pytest.mark.parametrize(
    ("url", "to", "target"),
    [
        ("https://a.example", Origin("a.example", 443, tls=True, named="a.example"), "/"),
        ("http://a.example:80/x?y=1#z", Origin("a.example", 80, tls=False, named="a.example"), "/x?y=1"),
        ("http://[::1]:8080/", Origin("::1", 8080, tls=False, named="[::1]:8080"), "/"),
        ("https://a.example:8443/%20", Origin("a.example", 8443, tls=True, named="a.example:8443"), "/%20"),
    ],
)
def test_a_url_in_its_parts(url: str, to: Origin, target: str) -> None:
    assert parted(url) == (to, target)


@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "//a.example", "http://u:p@a.example/", "http:///x", "http://a/b c"]
)  # fmt: skip
def test_what_is_no_url_to_send_to(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        parted(url)


async def test_six_and_four_are_tried_where_the_name_has_both(server: Server) -> None:
    with NameServer() as dns:
        dns.has("both.example", "::1", "127.0.0.9", "127.0.0.1")
        async with Names([dns.address]) as names, Client(names, 4) as client:
            server.host = "both.example"
            assert (await ask(client, server.to)).status == 200


async def test_a_connection_that_is_reset_at_once_is_surely_not_sent(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        async def connected_and_reset(*arguments: Any, **options: Any) -> socket.socket:  # noqa: ANN401 - passed on
            plain = await start_connection(*arguments, **options)
            far, _ = listener.accept()
            far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            far.close()
            return plain

        monkeypatch.setattr(dialling, "start_connection", connected_and_reset)
        host, port = listener.getsockname()
        for tls in (False, True):
            error = await in_vain(client, Origin(host, port, tls, host))
            assert error.words == "could not connect: Connection reset by peer"
            assert not error.may_have_left
    assert client.connections == 0
