# SPDX-License-Identifier: GPL-3.0-or-later
"""Names are asked of c-ares, which knows the hosts file and the name servers."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pycares

from agent.core.errors import NamesError, NoSuchNameError
from agent.names.channel import Channel, Done
from agent.names.found import Found, Service, Version

_LOOK_SECONDS: Final = 5.0
_RESOLV_CONF: Final = Path("/etc/resolv.conf")
_GONE: Final = (0, 0)
_FAMILIES: Final[dict[Version, socket.AddressFamily]] = {4: socket.AF_INET, 6: socket.AF_INET6}
_ABSENT: Final = frozenset(
    {
        pycares.errno.ARES_ENODATA,
        pycares.errno.ARES_ENOTFOUND,
        pycares.errno.ARES_ENONAME,
        pycares.errno.ARES_EBADNAME,
    }
)


class Cares:
    """Asks the hosts file and the name servers.

    Args:
        servers: ``address`` or ``address:port`` of each name server (IPv6 in brackets where a port follows);
            the system's, as they are at the time, when there are none.
    """

    def __init__(self, servers: Sequence[str] = ()) -> None:
        self._servers = tuple(servers)
        self._open = True
        self._system = _stamp()
        self._looked = time.monotonic()
        self._channel = Channel(self._servers)

    async def addresses(self, host: str, version: Version) -> Found[str]:
        """The addresses of a host, of one IP version.

        Raises:
            NoSuchNameError: it has none.
            NamesError: nobody could be asked, or the answer was no answer.
        """

        def ask(channel: pycares.Channel, done: Done) -> None:
            channel.getaddrinfo(host, None, family=_FAMILIES[version], callback=done)

        nodes = (await self._asked(host, ask)).nodes
        return Found(
            tuple(dict.fromkeys(node.addr[0].decode() for node in nodes)),
            min((node.ttl for node in nodes), default=0),
        )

    async def services(self, name: str) -> Found[Service]:
        """The SRV records of a name (RFC 2782); raises as `addresses` does."""

        def ask(channel: pycares.Channel, done: Done) -> None:
            channel.query(name, pycares.QUERY_TYPE_SRV, callback=done)

        records = [one for one in (await self._asked(name, ask)).answer if one.type == pycares.QUERY_TYPE_SRV]
        if not records:
            raise NoSuchNameError(f"{name} has no SRV record")
        found = (one.data for one in records)
        return Found(
            tuple(Service(one.priority, one.weight, one.target.rstrip("."), one.port) for one in found),
            min(one.ttl for one in records),
        )

    def close(self) -> None:
        """Let go of the sockets; who still waits is told that it was in vain."""
        self._open = False
        self._channel.close()

    async def _asked(self, name: str, question: Callable[[pycares.Channel, Done], None]) -> Any:  # noqa: ANN401 - an answer of pycares
        while self._open:
            self._follow_system()
            channel = self._channel
            found, error = await channel.ask(question)
            if error is None:
                return found
            if error != pycares.errno.ARES_ECANCELLED:
                raise _failure(name, error)
            # Cancelled: we are closing, or other name servers have taken the place of those that were asked.
        raise NamesError(f"{name} can't be looked up: the agent is stopping")

    def _follow_system(self) -> None:
        """Ask other name servers from now on where the system's have changed; who waits asks them too.

        Not by c-ares' own ``ares_reinit``: that works, and calls back, on a thread of its own.
        """
        if self._servers or time.monotonic() < self._looked + _LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        if (stamp := _stamp()) not in (self._system, _GONE):
            self._system = stamp
            replaced, self._channel = self._channel, Channel(())
            replaced.close()


def _failure(name: str, error: int) -> NamesError:
    if error in _ABSENT:
        return NoSuchNameError(f"{name} can't be looked up: there is no such name")
    why = {
        pycares.errno.ARES_ETIMEOUT: "no name server answers",
        pycares.errno.ARES_ECONNREFUSED: "no name server can be reached",
        pycares.errno.ARES_ESERVFAIL: "the name server failed",
        pycares.errno.ARES_EREFUSED: "the name server refuses",
    }.get(error) or str(pycares.errno.strerror(error))
    return NamesError(f"{name} can't be looked up: {why}")


def _stamp() -> tuple[int, int]:
    try:
        found = _RESOLV_CONF.stat()
    except OSError:
        return _GONE  # it is being replaced
    return found.st_mtime_ns, found.st_ino
