# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends SIP messages of calls to a Homer as HEP3 over UDP: what finds no room is dropped and counted."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from agent.core.chosen import chosen
from agent.core.model.hep import Hep
from agent.core.units import host_and_port
from agent.telemetry.hep import packet
from agent.telemetry.logs import logger
from agent.telemetry.messages import Messages, Seen
from agent.telemetry.stories import OfCall

_LOOK_UP_SECONDS: Final = 60.0
"""After which a collector by name is looked up again: it may have moved."""
_BUFFER_BYTES: Final = 1_048_576

_log = logger("hep")


class Homer:
    """The way to the collector, as the configuration in force has it.

    Args:
        messages: hands SIP messages on.
        node: name of this node.
        run: starts a coroutine and keeps it until it is done.

    Attributes:
        sent: packets that left.
        dropped: packets that did not: no room, too long, the collector is not known or refuses.
    """

    def __init__(
        self, messages: Messages, node: str, run: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        self.sent = 0
        self.dropped = 0
        self._messages = messages
        self._node = node
        self._run = run
        self._loop = asyncio.get_running_loop()
        self._settings: Hep | None = None
        self._key = b""
        self._socket: socket.socket | None = None
        self._address: object = None
        self._looked_up = float("-inf")
        self._looking = False

    def follow(self, settings: Hep | None) -> None:
        """Do as the configuration says from now on; None: send nothing."""
        if settings == self._settings:
            return
        if self._settings is None:
            self._messages.add(self)
        elif settings is None:
            self._messages.remove(self)
        self._settings = settings
        self._key = settings.key.get_secret_value().encode() if settings is not None and settings.key else b""
        self._disconnect()
        self.look()

    def look(self) -> None:
        """See to it that the collector's address is known; asked now and then."""
        if self._settings is None or self._looking:
            return
        if self._loop.time() - self._looked_up >= _LOOK_UP_SECONDS:
            self._looking = True
            self._run(self._look_up(self._settings))

    def close(self) -> None:
        """Send nothing more."""
        self.follow(None)

    # -- a watcher of messages ---------------------------------------------------------------------------

    def wants(self, call: OfCall) -> bool:
        """Whether a call is among those that are sent; all its messages are, or none."""
        settings = self._settings
        if settings is None:
            return False
        return chosen(call.call_id, settings.projects.get(call.project, settings.sample))

    def take(self, seen: Seen) -> None:
        """Send a message; never waits."""
        if self._settings is None:
            return
        data = packet(seen, agent=self._settings.id, node=self._node, key=self._key)
        if data is None or self._socket is None:
            self.dropped += 1
            return
        try:
            self._socket.send(data)
        except OSError:  # no room, or ICMP said that nobody is there
            self.dropped += 1
        else:
            self.sent += 1

    def missed(self) -> None:
        """A message could not be read any more."""
        self.dropped += 1

    # -- where it is -------------------------------------------------------------------------------------

    async def _look_up(self, settings: Hep) -> None:
        host, port = host_and_port(settings.collector.partition("://")[2])
        try:
            found = await self._loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        except OSError as error:
            _log.error("the HEP collector can't be looked up", collector=settings.collector, error=str(error))
            return
        finally:
            self._looking, self._looked_up = False, self._loop.time()
        family, *_, address = found[0]
        if settings is self._settings and address != self._address:
            self._connect(family, address)

    def _connect(self, family: int, address: Any) -> None:  # noqa: ANN401 - of sockets
        self._disconnect()
        made = socket.socket(family, socket.SOCK_DGRAM)
        try:
            made.setblocking(False)  # noqa: FBT003 - Python's signature
            made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
            made.connect(address)
        except OSError as error:
            made.close()
            _log.error("no packet can be sent to the HEP collector", address=address[0], error=str(error))
            return
        self._socket, self._address, self._looked_up = made, address, self._loop.time()

    def _disconnect(self) -> None:
        self._address, self._looked_up = None, float("-inf")
        made, self._socket = self._socket, None
        if made is not None:
            with suppress(OSError):
                made.close()
