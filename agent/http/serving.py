# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts an application on a TCP port, over TLS where asked for, and takes it off again."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, Final, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from agent.core.errors import AgentError
from agent.core.model.node import HttpTls
from agent.core.units import Address, bracketed
from agent.http.errors import REQUEST_ID, refusal, request_id
from agent.telemetry import logs

_SHUTDOWN_SECONDS: Final = 2.0
_IDLE_SECONDS: Final = 75.0  # longer than the minute for which a balancer usually keeps a connection
_DISCARD_SECONDS: Final = (
    2.0  # how long the rest of a refused body is read, so that the client sees the answer
)
_BROKEN: Final = 500

_log = logs.logger("http")


class HttpError(AgentError):
    """An HTTP listener can't be opened."""


class Server:
    """A listener that is up."""

    def __init__(
        self, runner: web.AppRunner, listener: asyncio.Server, context: ssl.SSLContext | None = None
    ) -> None:
        self._runner = runner
        self._listener = listener
        self._context = context

    @property
    def port(self) -> int:
        """The port that is listened on; the one the system chose if 0 was asked for."""
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    async def renew_certificate(self, tls: HttpTls) -> None:
        """Use what is in the files for handshakes from now on; connections stay as they are.

        Raises:
            HttpError: it can't be used; the old certificate stays in use.
        """
        if self._context is not None:
            await asyncio.to_thread(tls_context, tls)  # half of it must not get into the one in use
            await asyncio.to_thread(_load, self._context, tls)

    async def aclose(self) -> None:
        """Take no more requests, let those that run end for a moment, then close."""
        self._listener.close()
        await self._runner.cleanup()


class _Connection(RequestHandler):
    """One connection. Malformed HTTP is answered like every other error, and costs a line in the log."""

    __slots__ = ()

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


async def serve(app: web.Application, host: str, port: int, tls: HttpTls | None = None) -> Server:
    """Listen and serve.

    Raises:
        HttpError: the address can't be listened on, or the certificate not be used; one line says why.
    """
    context = None if tls is None else await asyncio.to_thread(tls_context, tls)
    loop = asyncio.get_running_loop()
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()

    def connection() -> _Connection:
        # No access log: it would hold query strings, and metrics and the agent's own log say what matters.
        # Nothing is decompressed: a small body must not become a large one here.
        return _Connection(
            cast("web.Server", runner.server),
            loop=loop,
            access_log=cast("Any", None),
            auto_decompress=False,
            keepalive_timeout=_IDLE_SECONDS,
            lingering_time=_DISCARD_SECONDS,
        )

    try:
        listener = await loop.create_server(connection, host, port, ssl=context, backlog=128)
    except OSError as error:
        await runner.cleanup()
        reason = error.strerror or error
        raise HttpError(f"HTTP can't listen on {bracketed(host)}:{port}: {reason}") from error
    return Server(runner, listener, context)


async def serve_app(app: web.Application, address: Address, tls: HttpTls | None = None) -> Server:
    """Listen on an address of the configuration and serve; raises `HttpError`."""
    return await serve(app, address.host, address.port, tls)


def tls_context(tls: HttpTls) -> ssl.SSLContext:
    """A server's TLS context: TLS 1.2 or newer. Reads files: not for the loop.

    Raises:
        HttpError: certificate and key can't be used; one line says why.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(context, tls)
    return context


def _load(context: ssl.SSLContext, tls: HttpTls) -> None:
    try:
        # A key with a password would make OpenSSL ask the terminal for it.
        context.load_cert_chain(tls.certificate, tls.private_key, password=lambda: "")
    except OSError as error:  # an SSLError is one too
        reason = error.strerror or error
        raise HttpError(
            f"TLS with {tls.certificate} and {tls.private_key} can't be used: {reason}"
        ) from error
