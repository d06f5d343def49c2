# SPDX-License-Identifier: GPL-3.0-or-later
"""Accepts HTTP connections: as many as there is room for, no address more than its share, the rest is shed.

asyncio's own server takes all that come, and when descriptors run out it stops for a second, again and again,
while SIP and storage find none either. So the descriptors that HTTP may have are counted here.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from agent.http.addresses import network
from agent.telemetry import logs

HANDSHAKE_SECONDS: Final = 10.0
"""How long a TLS handshake may take."""
_CLOSE_SECONDS: Final = 2.0
_AT_ONCE: Final = 32  # accepted in one turn of the loop: calls have their turn between
_LINGERING: Final = 16  # shed connections that may still take their 503 in
_LINGER_SECONDS: Final = 1.0
_AGAIN_SECONDS: Final = 1.0  # after which an accept that failed for good is tried again
_SILENT_SECONDS: Final = 60.0  # between two lines in the log about the same trouble
_BODY: Final = b'{"error_message": "too many connections: try again in a moment"}'
_SHED: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)

_log = logs.logger("http")


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many connections a listener may have.

    Attributes:
        total: all together.
        per_address: those of one address, or of one /64 network of IPv6.
    """

    total: int = 1000
    per_address: int = 500


class Listener:
    """Takes connections from sockets that listen, from the time it is made until `aclose`.

    Args:
        bound: the sockets; they are closed in the end.
        context: for TLS, None for plain HTTP.
        connection: makes the protocol of one; it is given what to call when that is gone.
        room: how many there may be.
        shed: called for each that found no room.

    Attributes:
        port: the port that is listened on.
    """

    def __init__(
        self,
        bound: Sequence[socket.socket],
        context: ssl.SSLContext | None,
        connection: Callable[[Callable[[], None]], asyncio.Protocol],
        room: ConnectionLimits,
        shed: Callable[[], None],
    ) -> None:
        self._bound = tuple(bound)
        self.port: int = bound[0].getsockname()[1]
        self._context = context
        self._connection = connection
        self._room = room
        self._shed = shed
        self._loop = asyncio.get_running_loop()
        self._open: Counter[str] = Counter()
        self._total = 0
        self._beginning: set[asyncio.Task[None]] = set()
        self._lingering: deque[socket.socket] = deque()
        self._spare: int | None = _spare()
        self._again: asyncio.TimerHandle | None = None
        self._told = float("-inf")
        for one in self._bound:
            one.settimeout(0)
        self._listen()

    @property
    def connections(self) -> int:
        """How many are open."""
        return self._total

    @property
    def over_tls(self) -> bool:
        """Whether it speaks TLS."""
        return self._context is not None

    def renew(self, context: ssl.SSLContext) -> None:
        """Use this for handshakes from now on; connections, and handshakes under way, keep theirs."""
        self._context = context

    async def aclose(self) -> None:
        """Take no more; those that are still beginning are ended, the others are the application's."""
        if self._again is not None:
            self._again.cancel()
        bound, self._bound = self._bound, ()
        for one in bound:
            self._loop.remove_reader(one)
            one.close()
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None
        while self._lingering:
            self._lingering.popleft().close()
        for task in self._beginning:
            task.cancel()
        await asyncio.gather(*self._beginning, return_exceptions=True)

    # -- accepting ---------------------------------------------------------------------------------------

    def _listen(self) -> None:
        for one in self._bound:
            self._loop.add_reader(one, self._accept, one)

    def _accept(self, bound: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                accepted, peer = bound.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionError:
                continue  # it has gone again
            except OSError as error:
                self._out_of_descriptors(bound, error)
                return
            self._take(accepted, network(str(peer[0])))

    def _take(self, accepted: socket.socket, peer: str) -> None:
        if self._total >= self._room.total or self._open[peer] >= self._room.per_address:
            self._turn_away(accepted)
            self._tell("HTTP connections are shed", open=self._total, of_address=self._open[peer], peer=peer)
            return
        accepted.settimeout(0)
        self._total += 1
        self._open[peer] += 1
        place = _Place(lambda: self._release(peer))
        task = self._loop.create_task(self._begin(accepted, place))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    async def _begin(self, accepted: socket.socket, place: _Place) -> None:
        """Make a connection of a socket; it keeps its place until it is lost."""
        protocol = self._connection(place.free)
        patience = HANDSHAKE_SECONDS if self._context is not None else None
        closing = _CLOSE_SECONDS if self._context is not None else None
        try:
            await self._loop.connect_accepted_socket(
                lambda: protocol,
                accepted,
                ssl=self._context,
                ssl_handshake_timeout=patience,
                ssl_shutdown_timeout=closing,
            )
        except OSError as error:  # no TLS, or gone before it was; ssl.SSLError is one too
            place.free()
            _log.debug("a connection did not come about", error=str(error))
        except BaseException:
            place.free()
            raise

    def _release(self, peer: str) -> None:
        self._total -= 1
        self._open[peer] -= 1
        if not self._open[peer]:
            del self._open[peer]

    # -- what finds no room ------------------------------------------------------------------------------

    def _turn_away(self, accepted: socket.socket, *, at_once: bool = False) -> None:
        """Answer 503 and close; a moment later, so that the answer is not lost with the rest."""
        self._shed()
        accepted.settimeout(0)
        if self._context is None:
            with suppress(OSError):
                accepted.send(_SHED)
                accepted.shutdown(socket.SHUT_WR)
        if at_once or self._context is not None:
            accepted.close()
            return
        self._lingering.append(accepted)
        if len(self._lingering) > _LINGERING:
            self._lingering.popleft().close()
        self._loop.call_later(_LINGER_SECONDS, self._lingered, accepted)

    def _lingered(self, accepted: socket.socket) -> None:
        with suppress(ValueError):
            self._lingering.remove(accepted)
        accepted.close()

    def _out_of_descriptors(self, bound: socket.socket, error: OSError) -> None:
        """Give the spare one up for as long as it takes to turn one connection away."""
        self._tell("an HTTP connection can't be taken", error=error.strerror or str(error))
        if self._spare is not None:
            os.close(self._spare)
            with suppress(OSError):
                self._turn_away(bound.accept()[0], at_once=True)
            self._spare = _spare()
            if self._spare is not None:
                return
        for one in self._bound:
            self._loop.remove_reader(one)
        self._again = self._loop.call_later(_AGAIN_SECONDS, self._resume)

    def _resume(self) -> None:
        self._again = None
        if self._spare is None:
            self._spare = _spare()
        self._listen()

    def _tell(self, event: str, **facts: object) -> None:
        now = self._loop.time()
        if now - self._told >= _SILENT_SECONDS:
            self._told = now
            _log.warning(event, port=self.port, **facts)


class _Place:
    """One of the places that there are; given back once, however often that is asked."""

    def __init__(self, release: Callable[[], None]) -> None:
        self._release: Callable[[], None] | None = release

    def free(self) -> None:
        """Give it back."""
        release, self._release = self._release, None
        if release is not None:
            release()


def _spare() -> int | None:
    try:
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
