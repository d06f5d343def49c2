# SPDX-License-Identifier: GPL-3.0-or-later
"""SIP by hand over one TCP or TLS connection, for the ends that `tests.calls.harness.dialog` plays."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.calls.harness.sip_socket import SipSocket
from tests.harness.streams import hang_up

_LENGTH = re.compile(rb"\r\nContent-Length: *(\d+)", re.IGNORECASE)


class StreamSocket(SipSocket):
    """A connection that speaks SIP: what is written for UDP leaves with the connection's own transport.

    Attributes:
        connected: set once there is a connection.
    """

    def __init__(self, transport: str, address: str) -> None:
        super().__init__(0, address)
        self.connected = asyncio.Event()
        self._named = transport
        self._local = 0
        self._writer: asyncio.StreamWriter | None = None

    @property
    def port(self) -> int:
        """Its port on our side."""
        return self._local

    def send(self, data: bytes) -> None:
        """Send one message."""
        assert self._writer is not None, "nobody has connected"
        self._writer.write(data.replace(b"Via: SIP/2.0/UDP ", f"Via: SIP/2.0/{self._named} ".encode(), 1))

    def serves(self, port: int) -> None:
        """It is the far end of connections to that port of ours."""
        self._local = port
        self.contact = f"sip:bot@{self.address}:{port};transport={self._named.lower()}"

    async def reads(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take messages from a connection until it ends."""
        self._writer = writer
        self._local = self._local or writer.get_extra_info("sockname")[1]
        self.contact = self.contact or (
            f"sip:wire@{self.address}:{self._local};transport={self._named.lower()}"
        )
        self.connected.set()
        rest = b""
        while data := await reader.read(65536):
            rest = (rest + data).lstrip(b"\r\n")  # keep-alives (RFC 5626 section 3.5.1)
            while message := _first(rest):
                rest = rest[len(message) :].lstrip(b"\r\n")
                self.datagram_received(message, (self.address, 0))


def _first(data: bytes) -> bytes:
    """The first whole message (RFC 3261 section 18.3), or nothing as long as there is none."""
    head, end, body = data.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    size = int(length[1]) if length else 0
    return head + end + body[:size] if end and len(body) >= size else b""


@asynccontextmanager
async def connected(
    port: int, context: ssl.SSLContext | None = None, address: str = "127.0.0.1"
) -> AsyncIterator[StreamSocket]:
    """A connection to the agent; by TLS with a context."""
    wire = StreamSocket("TLS" if context else "TCP", address)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, local_addr=(address, 0))
    reading = asyncio.ensure_future(wire.reads(reader, writer))
    await wire.connected.wait()
    try:
        yield wire
    finally:
        await hang_up(writer)
        await asyncio.gather(reading, return_exceptions=True)


@asynccontextmanager
async def listening(
    port: int, address: str, context: ssl.SSLContext | None = None
) -> AsyncIterator[StreamSocket]:
    """An end that the agent connects to; by TLS with a context."""
    wire = StreamSocket("TLS" if context else "TCP", address)
    wire.serves(port)
    server = await asyncio.start_server(wire.reads, address, port, ssl=context)
    try:
        yield wire
    finally:
        server.close()
        if wire._writer is not None:
            await hang_up(wire._writer)
