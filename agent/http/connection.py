# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP connection: malformed requests are answered, and nobody holds it by being slow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from agent.http.errors import REQUEST_ID, refusal, request_id
from agent.telemetry import logs

HEAD_SECONDS: Final = 10.0
"""How long the head of a request may take: from the connection's first moment, later from its first byte."""
UNREAD_SECONDS: Final = 10.0
"""How long a peer may leave what we send it unread, once our buffer for it is full."""
CLOSE_SECONDS: Final = 5.0
"""How long a closed connection may still be sending what is in its buffer."""
_IDLE_SECONDS: Final = 75.0  # longer than the minute for which a balancer usually keeps a connection
_DISCARD_SECONDS: Final = (
    2.0  # how long the rest of a refused body is read, so that the client sees the answer
)
_BROKEN: Final = 500
_TOO_SLOW: Final = (
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: application/json\r\n"
    b"Content-Length: 65\r\n\r\n"
    b'{"error_message": "the head of the request did not come in time"}'
)

_log = logs.logger("http")


class Connection(RequestHandler):
    """One connection. Malformed HTTP is answered like every other error, and costs a line in the log.

    Args:
        server: of aiohttp.
        lost: called once, when the connection is gone.
    """

    __slots__ = ("_head", "_lost", "_socket", "_unread")

    def __init__(self, server: web.Server, lost: Callable[[], None]) -> None:
        # No access log: it would hold query strings, and metrics and the agent's own log say what matters.
        # Nothing is decompressed: a small body must not become a large one here.
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=cast("Any", None),
            auto_decompress=False,
            keepalive_timeout=_IDLE_SECONDS,
            lingering_time=_DISCARD_SECONDS,
        )
        self._lost = lost
        self._socket: asyncio.Transport | None = None
        self._head: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there; its first request must be soon."""
        self._socket = cast("asyncio.Transport", transport)
        self._head = self._loop.call_later(HEAD_SECONDS, self._too_slow)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is gone."""
        for timer in (self._head, self._unread):
            if timer is not None:
                timer.cancel()
        self._socket = None
        super().connection_lost(exc)
        self._lost()

    def data_received(self, data: bytes) -> None:
        """Take what came, and see to it that a head that has begun ends."""
        super().data_received(data)
        waits = self._waiter is not None and not self._waiter.done()
        if self._request_count and not waits:  # a head is complete
            if self._head is not None:
                self._head.cancel()
                self._head = None
        elif self._head is None:
            self._head = self._loop.call_later(HEAD_SECONDS, self._too_slow)

    def pause_writing(self) -> None:
        """The peer does not read what we send."""
        super().pause_writing()
        self._unread = self._loop.call_later(UNREAD_SECONDS, self._abort)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    async def start(self) -> None:
        """Serve requests; afterwards the connection closes, and must be closed soon."""
        try:
            await super().start()
        finally:
            if self._socket is not None:
                self._loop.call_later(CLOSE_SECONDS, self._abort)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = _BROKEN,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - repeats what the client sent
    ) -> web.StreamResponse:
        """The answer to what never reached the application."""
        found = request_id(request)
        if status >= _BROKEN:
            _log.error("a request broke", request_id=found, exc_info=exc)
        else:
            _log.debug("not HTTP", request_id=found, remote=request.remote, error=type(exc).__name__)
        answer = refusal(status, "this is no sound HTTP" if status < _BROKEN else "the agent could not go on")
        answer.headers[REQUEST_ID] = found
        answer.force_close()
        return answer

    def _too_slow(self) -> None:
        self._head = None
        if self._waiter is None or self._waiter.done():
            return  # a request is being served
        _log.debug("the head of a request did not come in time")
        if self._socket is not None:
            self._socket.write(_TOO_SLOW)
        self.force_close()

    def _abort(self) -> None:
        if self._socket is not None:
            self._socket.abort()
