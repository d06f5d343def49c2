# SPDX-License-Identifier: GPL-3.0-or-later
"""One UDP socket for one end of many calls."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from agent.simulators.messages import WireMessage, read


class Datagrams(asyncio.DatagramProtocol):
    """A socket on ``address``:``port`` that takes bursts; ``heard`` is called with each message."""

    def __init__(self, address: str, port: int, agent: int, heard: Callable[[WireMessage], None]) -> None:
        self.here = f"{address}:{port}"
        self._end, self._agent, self._heard = (address, port), ("127.0.0.1", agent), heard
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        """Bind it."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=self._end)
        wire: socket.socket = self._transport.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)

    def close(self) -> None:
        """Close it, if it was opened."""
        if self._transport is not None:
            self._transport.close()

    def send(self, data: bytes) -> None:
        """Send a datagram to the agent."""
        assert self._transport is not None
        self._transport.sendto(data, self._agent)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        """Hand a message on."""
        _ = addr
        message = read(data)
        if message.first("Call-ID"):  # else it is a keep-alive
            self._heard(message)

    def error_received(self, exc: Exception) -> None:
        """The agent is dead at the moment: what is sent to it is lost."""
        _ = exc
