# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripted ends of a call on raw sockets, UDP and TCP alike: what they send is bytes, right or wrong."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

from tests.fuzz.message import Message

T = TypeVar("T")
Send = Callable[[bytes], None]
Answers = Callable[[Message], Sequence[bytes]]
_FINAL = 200
_REFUSED = 300
_LENGTH = re.compile(rb"\r\nContent-Length[ \t]*:[ \t]*(\d+)", re.IGNORECASE)


async def soon(condition: Callable[[], T | None], within: float) -> T | None:
    """Ask until something true comes back, and return that; None if nothing did in time."""
    deadline = time.monotonic() + within
    while not (found := condition()) and time.monotonic() < deadline:
        await asyncio.sleep(0.002)
    return found or None


class Peer:
    """One address of a peer: a UDP socket and a TCP listener on the same port.

    Attributes:
        heard: every message that came since the last `forget`.
        answers: what is sent back to a request, in order. Final answers to INVITE are acknowledged anyway.
        noted: called with each message that leaves or comes, for the record of a case.
    """

    def __init__(self, name: str, host: str, port: int, agent: int) -> None:
        self.name = name
        self.host = host
        self.port = port
        self._agent = ("127.0.0.1", agent)
        self.heard: list[Message] = []
        self.answers: Answers = lambda _: ()
        self.noted: Callable[[str, bytes], None] = lambda *_: None
        self._connections: list[asyncio.Transport] = []

    @contextlib.asynccontextmanager
    async def there(self) -> AsyncIterator[None]:
        """Listen for as long as this is entered."""
        loop = asyncio.get_running_loop()
        place = (self.host, self.port)
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), local_addr=place)
        server = await loop.create_server(lambda: _Stream(self), *place)
        try:
            yield
        finally:
            self._udp.close()
            self.hang_up()
            server.close()

    def forget(self, answers: Answers) -> None:
        """Begin a new case."""
        self.heard.clear()
        self.answers = answers

    async def connect(self) -> None:
        """Open a TCP connection to the agent; what is sent by TCP goes over the newest one."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            await loop.create_connection(lambda: _Stream(self), *self._agent, local_addr=(self.host, 0))

    def hang_up(self) -> None:
        """Close all TCP connections."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()

    def send(self, data: bytes, *, tcp: bool = False) -> None:
        """Send one message to the agent, as a datagram or on the newest connection (if there is one)."""
        if not tcp:
            self._by_udp(data)
        elif self._connections:
            self._write(self._connections[-1], data)

    def connected(self, connection: asyncio.Transport) -> None:
        """A TCP connection is there, whoever opened it."""
        self._connections.append(connection)

    def lost(self, connection: asyncio.Transport) -> None:
        """A TCP connection has gone."""
        with contextlib.suppress(ValueError):
            self._connections.remove(connection)

    def take(self, data: bytes, connection: asyncio.Transport | None) -> None:
        """Take a message and send back what it asks for, the way that it came."""
        if not data.strip(b"\r\n\0"):
            return
        self.noted(f"agent to {self.name}, {'tcp' if connection else 'udp'}", data)
        message = Message.parse(data)
        self.heard.append(message)
        if not message.status:
            answers = list(self.answers(message))
        else:
            answers = (
                _acknowledgement(message) if message.status >= _FINAL and message.method == "INVITE" else []
            )
        for answer in filter(None, answers):
            if connection is None:
                self._by_udp(answer)
            else:
                self._write(connection, answer)

    def _by_udp(self, data: bytes) -> None:
        self.noted(f"{self.name} to agent, udp", data)
        self._udp.sendto(data[:65507], self._agent)

    def _write(self, connection: asyncio.Transport, data: bytes) -> None:
        self.noted(f"{self.name} to agent, tcp", data)
        connection.write(data)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        _ = addr
        self._peer.take(data, None)


class _Stream(asyncio.Protocol):
    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._came = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._peer.connected(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        _ = exc
        self._peer.lost(self._transport)

    def data_received(self, data: bytes) -> None:
        self._came = (self._came + data).lstrip(b"\r\n")
        while b"\r\n\r\n" in self._came:
            head = self._came.index(b"\r\n\r\n") + 4
            found = _LENGTH.search(self._came[:head])
            end = head + (int(found[1]) if found else 0)
            if len(self._came) < end:
                return
            message, self._came = self._came[:end], self._came[end:].lstrip(b"\r\n")
            self._peer.take(message, self._transport)


def _acknowledgement(answer: Message) -> list[bytes]:
    """The ACK of a final response: that of a refusal has the branch of the INVITE, that of a 2xx its own."""
    via = answer.first("Via")
    if answer.status < _REFUSED:
        via = re.sub(r"branch=[^;]*", lambda found: f"{found[0]}A", via, count=1)
    kept = [("From", answer.first("From")), ("To", answer.first("To")), ("Call-ID", answer.first("Call-ID"))]
    sequence = ("CSeq", f"{answer.first('CSeq').split()[0]} ACK")
    return [
        Message("ACK sip:127.0.0.1 SIP/2.0", [("Via", via), *kept, sequence, ("Max-Forwards", "70")]).render()
    ]
