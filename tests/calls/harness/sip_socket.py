# SPDX-License-Identifier: GPL-3.0-or-later
"""SIP by hand over one UDP socket: for packets that no well-behaved tool would send."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Self

from agent.simulators.messages import read


class SipSocket(asyncio.DatagramProtocol):
    """A bound UDP socket on ``address`` that sends bytes to the agent and keeps what comes back.

    Attributes:
        got: every datagram that came, in order.
        acknowledges: whether refusals of INVITEs are acknowledged, as they must be.
        on_request: called with each request that comes.
        contact: the URI of its Contact, if it is another than its address.
    """

    def __init__(self, agent: int, address: str = "127.0.0.1", port: int = 0, contact: str = "") -> None:
        self._agent = ("127.0.0.1", agent)
        self._port = port
        self.contact = contact
        self.address = address
        self._transport: asyncio.DatagramTransport | None = None
        self._closed = asyncio.Event()
        self.got: list[bytes] = []
        self.acknowledges = False
        self.on_request: Callable[[bytes], None] | None = None

    async def __aenter__(self) -> Self:
        """Bind the socket."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(self.address, self._port)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the socket."""
        assert self._transport is not None
        self._transport.close()
        await self._closed.wait()  # its port may be wanted at once

    @property
    def port(self) -> int:
        """The port it is bound to."""
        assert self._transport is not None
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        _ = exc
        self._closed.set()

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        """Keep a datagram."""
        _ = addr
        self.got.append(data)
        if self.on_request is not None and not data.startswith(b"SIP/2.0 "):
            self.on_request(data)
        if self.acknowledges and (acknowledgement := _acknowledgement(data)):
            self.send(acknowledgement)

    def send(self, data: bytes) -> None:
        """Send a datagram to the agent."""
        assert self._transport is not None
        self._transport.sendto(data, self._agent)

    def statuses(self, call_id: str = "") -> list[int]:
        """Status codes of the responses that came, of one Call-ID if given, in order."""
        found = (read(data).status for data in self.got if call_id.encode() in data)
        return [status for status in found if status]


def request(
    method: str,
    uri: str,
    wire: SipSocket,
    *,
    call_id: str = "",
    branch: str = "",
    to_tag: str = "",
    headers: tuple[str, ...] = (),
    body: str = "",
    content_type: str = "application/sdp",
    cseq: int = 1,
) -> bytes:
    """A request that is right unless the arguments make it wrong."""
    call_id = call_id or uuid.uuid4().hex
    branch = branch or f"z9hG4bK{uuid.uuid4().hex}"
    lines = (
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:{wire.port};branch={branch};rport",
        f"From: <sip:wire@127.0.0.1:{wire.port}>;tag=w{call_id[:8]}",
        f"To: <{uri}>" + (f";tag={to_tag}" if to_tag else ""),
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
        f"Contact: <{wire.contact or f'sip:wire@127.0.0.1:{wire.port}'}>",
        "Max-Forwards: 70",
        *headers,
        *((f"Content-Type: {content_type}",) if body else ()),
        f"Content-Length: {len(body.encode())}",
        "",
        body,
    )
    return "\r\n".join(lines).encode()


def _acknowledgement(answer: bytes) -> bytes:
    """The ACK for a final refusal of an INVITE (RFC 3261 section 17.1.1.3); nothing for any other message."""
    message = read(answer)
    if message.answers != "INVITE" or message.status < 300:
        return b""
    copied = (f"{name}: {message.first(name)}" for name in ("Via", "From", "To", "Call-ID"))
    number = message.first("CSeq").split()[0]
    rest = (f"CSeq: {number} ACK", "Max-Forwards: 70", "Content-Length: 0", "", "")
    return "\r\n".join(("ACK sip:127.0.0.1 SIP/2.0", *copied, *rest)).encode()


def offer(port: int) -> str:
    """A plain G.711 offer."""
    return (
        "v=0\r\no=wire 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
    )


def audio_port(sdp: str) -> int:
    """Where the sender of an SDP takes audio."""
    return int(sdp.partition("m=audio ")[2].split()[0])
