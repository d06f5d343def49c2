# SPDX-License-Identifier: GPL-3.0-or-later
"""c-ares on the event loop: its sockets are watched by the loop, its timers are the loop's.

pycares is used by itself: aiodns runs c-ares, and with it Python callbacks, on a second thread. Of pycares'
options those that pass a text (``lookups``, ``resolvconf_path``) are left alone: it frees the text before
c-ares has read it.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pycares

from agent.core.errors import NamesError, NoSuchNameError
from agent.names.found import Found, Service, Version

_TRY_SECONDS: Final = 1.0
_TRIES: Final = 2
_LOOK_SECONDS: Final = 5.0
_RESOLV_CONF: Final = Path("/etc/resolv.conf")
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
        self._loop = asyncio.get_running_loop()
        self._readers: set[int] = set()
        self._writers: set[int] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._open = True
        self._follows_system = not servers
        self._system = _stamp()
        self._looked = time.monotonic()
        self._channel = pycares.Channel(
            sock_state_cb=self._watch, timeout=_TRY_SECONDS, tries=_TRIES, servers=servers or None
        )

    async def addresses(self, host: str, version: Version) -> Found[str]:
        """The addresses of a host, of one IP version.

        Raises:
            NoSuchNameError: it has none.
            NamesError: nobody could be asked, or the answer was no answer.
        """

        def ask(done: Callable[[Any, int | None], None]) -> None:
            self._channel.getaddrinfo(host, None, family=_FAMILIES[version], callback=done)

        nodes = (await self._asked(host, ask)).nodes
        return Found(
            tuple(dict.fromkeys(node.addr[0].decode() for node in nodes)),
            min((node.ttl for node in nodes), default=0),
        )

    async def services(self, name: str) -> Found[Service]:
        """The SRV records of a name (RFC 2782); raises as `addresses` does."""

        def ask(done: Callable[[Any, int | None], None]) -> None:
            self._channel.query(name, pycares.QUERY_TYPE_SRV, callback=done)

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
        if not self._open:
            return
        self._channel.cancel()
        self._open = False
        if self._timer is not None:
            self._timer.cancel()
        for descriptor in self._readers:
            self._loop.remove_reader(descriptor)
        for descriptor in self._writers:
            self._loop.remove_writer(descriptor)
        self._channel.close()

    async def _asked(self, name: str, ask: Callable[[Callable[[Any, int | None], None]], None]) -> Any:  # noqa: ANN401 - an answer of pycares
        if not self._open:
            raise NamesError(f"{name} can't be looked up: the agent is stopping")
        self._follow_system()
        answer: asyncio.Future[Any] = self._loop.create_future()

        def done(found: Any, error: int | None) -> None:  # noqa: ANN401 - the same
            if answer.done():
                return
            if error is None:
                answer.set_result(found)
            else:
                answer.set_exception(_failure(name, error))

        try:
            ask(done)
        except pycares.AresError as error:  # some failures are raised as well as told
            done(None, int(error.args[0]))
        except UnicodeError:
            done(None, pycares.errno.ARES_EBADNAME)
        self._set_timer()
        return await answer

    def _follow_system(self) -> None:
        if not self._follows_system or time.monotonic() < self._looked + _LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        if (stamp := _stamp()) != self._system:
            self._system = stamp
            self._channel.reinit()

    # -- sockets and time ------------------------------------------------------------------------------------

    def _watch(self, descriptor: int, readable: bool, writable: bool) -> None:  # noqa: FBT001 - c-ares' own
        if not self._open:
            return  # the channel is being destroyed, on a thread of pycares
        bad = pycares.ARES_SOCKET_BAD
        if readable:
            self._readers.add(descriptor)
            self._loop.add_reader(descriptor, self._process, descriptor, bad)
        elif descriptor in self._readers:
            self._readers.discard(descriptor)
            self._loop.remove_reader(descriptor)
        if writable:
            self._writers.add(descriptor)
            self._loop.add_writer(descriptor, self._process, bad, descriptor)
        elif descriptor in self._writers:
            self._writers.discard(descriptor)
            self._loop.remove_writer(descriptor)

    def _process(self, readable: int, writable: int) -> None:
        self._channel.process_fd(readable, writable)
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._open and (self._readers or self._writers):
            bad = pycares.ARES_SOCKET_BAD
            # c-ares says 0 both for "now" and for "never": a look now and then is right for either.
            pause = max(float(self._channel.timeout()), 0.01)  # type: ignore[no-untyped-call]
            self._timer = self._loop.call_later(min(pause, _TRY_SECONDS), self._process, bad, bad)


def _failure(name: str, error: int) -> NamesError:
    if error in _ABSENT:
        return NoSuchNameError(f"{name} can't be looked up: there is no such name")
    why = {
        pycares.errno.ARES_ETIMEOUT: "no name server answers",
        pycares.errno.ARES_ECONNREFUSED: "no name server can be reached",
        pycares.errno.ARES_ESERVFAIL: "the name server failed",
        pycares.errno.ARES_EREFUSED: "the name server refuses",
        pycares.errno.ARES_ECANCELLED: "the agent is stopping",
    }.get(error) or str(pycares.errno.strerror(error))
    return NamesError(f"{name} can't be looked up: {why}")


def _stamp() -> tuple[int, int]:
    try:
        found = _RESOLV_CONF.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino
