# SPDX-License-Identifier: GPL-3.0-or-later
"""One end of a call beyond the front, by hand: over TLS or UDP, with the route set that a proxy asks for."""

from __future__ import annotations

import asyncio
import ssl
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from agent.simulators.messages import WireMessage, read
from tests.calls.harness.sip_socket import SipSocket, offer
from tests.calls.harness.waiting import eventually

_AUDIO = 4000


@dataclass
class Peer:
    """A caller, or who is called.

    Attributes:
        send: sends to the front.
        local: its address and port.
        transport: ``TLS`` or ``UDP``.
        got: messages that came, in order.
        at: tells it the front's port, where that was not known when it began.
    """

    send: Callable[[bytes], None]
    local: str
    transport: str
    call_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    got: list[WireMessage] = field(default_factory=list)
    at: Callable[[int], None] = lambda _port: None
    _theirs: str = ""
    _ours: str = ""
    _routes: tuple[str, ...] = ()
    _target: str = ""

    @property
    def contact(self) -> str:
        """Its own URI."""
        return f"sip:peer@{self.local};transport={self.transport.lower()}"

    def came(self, data: bytes) -> None:
        """A message came: requests are answered."""
        message = read(data)
        self.got.append(message)
        if message.status or message.method == "ACK":
            return
        status, body = (202, "") if message.method == "REFER" else (200, "")
        if message.method == "INVITE":
            body = offer(_AUDIO)
            self.call_id = message.first("Call-ID")
            self._ours, self._theirs = f"{message.first('To')};tag=peer", message.first("From")
            self._routes, self._target = _routes(message), _uri(message.first("Contact"))
        self._answer(message, status, body)

    def invite(self, uri: str, *headers: str) -> None:
        """Call."""
        self._ours, self._theirs = f"<{self.contact}>;tag=peer", f"<{uri}>"
        self._target = uri
        self._ask("INVITE", 1, f"Contact: <{self.contact}>", *headers, body=offer(_AUDIO))

    async def answered(self) -> WireMessage:
        """Wait for the 200 to the INVITE and acknowledge it."""
        answer = await self.response("INVITE", 200)
        self._theirs = answer.first("To")
        self._routes = tuple(reversed(_routes(answer)))
        self._target = _uri(answer.first("Contact"))
        self._ask("ACK", 1)
        return answer

    def ask(self, method: str, cseq: int, *headers: str, body: str = "") -> None:
        """Send a request within the dialog."""
        self._ask(method, cseq, *headers, body=body)

    async def response(self, method: str, status: int) -> WireMessage:
        """Wait for that response."""

        def found() -> list[WireMessage]:
            return [one for one in self.got if (one.answers, one.status) == (method, status)]

        return (await eventually(found, 60, f"{status} to {method}; got {self.labels()}"))[0]

    async def request(self, method: str) -> WireMessage:
        """Wait for a request of that method."""

        def found() -> list[WireMessage]:
            return [one for one in self.got if one.method == method and not one.status]

        return (await eventually(found, 60, f"{method} comes; got {self.labels()}"))[0]

    def labels(self) -> list[str]:
        """What came, in short."""
        return [one.label for one in self.got]

    def _ask(self, method: str, cseq: int, *headers: str, body: str = "") -> None:
        via = f"SIP/2.0/{self.transport} {self.local};branch=z9hG4bK{uuid.uuid4().hex};rport"
        lines = (
            f"{method} {self._target} SIP/2.0",
            f"Via: {via}",
            *(f"Route: {route}" for route in self._routes),
            f"From: {self._ours}",
            f"To: {self._theirs}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {method}",
            "Max-Forwards: 70",
            *headers,
            *(("Content-Type: application/sdp",) if method == "INVITE" else ()),
            f"Content-Length: {len(body)}",
            "",
            body,
        )
        self.send("\r\n".join(lines).encode())

    def _answer(self, asked: WireMessage, status: int, body: str) -> None:
        to = asked.first("To")
        copied = [
            f"{name}: {value}" for name, value in asked.headers if name.lower() in ("via", "record-route")
        ]
        lines = (
            f"SIP/2.0 {status} OK",
            *copied,
            *(f"{name}: {asked.first(name)}" for name in ("From", "Call-ID", "CSeq")),
            f"To: {to}" + ("" if "tag=" in to else ";tag=peer"),
            f"Contact: <{self.contact}>",
            *(("Content-Type: application/sdp",) if body else ()),
            f"Content-Length: {len(body)}",
            "",
            body,
        )
        self.send("\r\n".join(lines).encode())


@asynccontextmanager
async def over_udp(front: int, address: str, host: str = "127.0.0.1") -> AsyncIterator[Peer]:
    """A peer at an address of its own, over UDP; the front is at that port of the host."""
    async with _Wire(front, address) as wire:
        peer = Peer(wire.send, f"{address}:{wire.port}", "UDP", at=wire.move)
        wire.on_message = peer.came
        wire.move(front, host)
        yield peer


class _Wire(SipSocket):
    """What is repeated counts once: nothing is lost on this machine."""

    on_message: Callable[[bytes], None]

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        """Keep a datagram, and pass it on when it is new."""
        known = data in self.got
        super().datagram_received(data, addr)
        if not known:
            self.on_message(data)

    def move(self, front: int, host: str = "127.0.0.1") -> None:
        """The front has this port."""
        self._agent = (host, front)


@asynccontextmanager
async def over_tls(port: int, address: str) -> AsyncIterator[Peer]:
    """A peer at an address of its own, over TLS; the certificate is the test's own and not looked at."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, local_addr=(address, 0))
    local = "{}:{}".format(*writer.get_extra_info("sockname")[:2])
    peer = Peer(writer.write, local, "TLS")
    listening = asyncio.ensure_future(_listen(reader, peer))
    try:
        yield peer
    finally:
        listening.cancel()
        writer.close()


async def _listen(reader: asyncio.StreamReader, peer: Peer) -> None:
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(read(head).first("Content-Length") or 0)
        peer.came(head + await reader.readexactly(length))


def _routes(message: WireMessage) -> tuple[str, ...]:
    return tuple(
        route.strip()
        for name, value in message.headers
        if name.lower() == "record-route"
        for route in value.split(",")
    )


def _uri(contact: str) -> str:
    return contact.partition("<")[2].partition(">")[0] or contact
