# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts an application on a TCP port, over TLS where asked for, and takes it off again."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from typing import Final, cast

from aiohttp import web

from agent.core.errors import AgentError
from agent.core.listening import with_remedy
from agent.core.model import HttpTls
from agent.core.units import Address, bracketed
from agent.http.connection import Connection
from agent.http.listener import ConnectionLimits, Listener

_SHUTDOWN_SECONDS: Final = 2.0
_BACKLOG: Final = 128
_ROOM: Final = ConnectionLimits()


class HttpError(AgentError):
    """An HTTP listener can't be opened."""


class Server:
    """A listener that is up."""

    def __init__(self, runner: web.AppRunner, listener: Listener) -> None:
        self._runner = runner
        self._listener = listener

    @property
    def port(self) -> int:
        """The port that is listened on; the one the system chose if 0 was asked for."""
        return self._listener.port

    @property
    def connections(self) -> int:
        """How many are open."""
        return self._listener.connections

    async def renew_certificate(self, tls: HttpTls) -> None:
        """Use what is in the files for handshakes from now on; connections stay as they are.

        Raises:
            HttpError: it can't be used; the old certificate stays in use.
        """
        if self._listener.over_tls:
            # A context keeps a pair for each kind of key, and might go on showing an old one of another kind.
            self._listener.renew(await asyncio.to_thread(tls_context, tls))

    async def aclose(self) -> None:
        """Take no more requests, let those that run end for a moment, then close."""
        await self._listener.aclose()
        await self._runner.cleanup()


def _uncounted() -> None:
    return


async def serve(
    app: web.Application,
    host: str,
    port: int,
    tls: HttpTls | None = None,
    *,
    room: ConnectionLimits = _ROOM,
    shed: Callable[[], None] = _uncounted,
) -> Server:
    """Listen and serve.

    Args:
        app: what is served.
        host: an IP address, or a name of this machine.
        port: 0 lets the system choose.
        tls: certificate and key; None for plain HTTP.
        room: how many connections there may be.
        shed: called for each that found no room.

    Raises:
        HttpError: the address can't be listened on, or the certificate not be used; one line says why.
    """
    context = None if tls is None else await asyncio.to_thread(tls_context, tls)
    runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        bound = await _bound(host, port)
    except OSError as error:
        await runner.cleanup()
        # socket.gaierror has numbers of its own; others name the address a second time
        named = isinstance(error, socket.gaierror) or error.errno is None
        reason = (error.strerror or error) if named else os.strerror(error.errno or 0)
        raise HttpError(
            f"HTTP can't listen on {bracketed(host)}:{port}: {with_remedy(str(reason))}"
        ) from error

    def connection(lost: Callable[[], None]) -> Connection:
        return Connection(cast("web.Server", runner.server), lost)

    return Server(runner, Listener(bound, context, connection, room, shed))


async def _bound(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on each address of a host; those of IPv6 take no IPv4."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    bound: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            bound.append(socket.create_server(address[:2], family=family, backlog=_BACKLOG))
    except OSError:
        for one in bound:
            one.close()
        raise
    return bound


async def serve_app(
    app: web.Application,
    address: Address,
    tls: HttpTls | None = None,
    *,
    room: ConnectionLimits = _ROOM,
    shed: Callable[[], None] = _uncounted,
) -> Server:
    """Listen on an address of the configuration and serve; see `serve`."""
    return await serve(app, address.host, address.port, tls, room=room, shed=shed)


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
