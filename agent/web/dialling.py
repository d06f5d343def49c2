# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes connections: names, then addresses of both IP versions in a race (RFC 8305), then TLS."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable
from functools import cache

from aiohappyeyeballs import AddrInfoType, start_connection

from agent.core.errors import NamesError
from agent.core.failures import Failure
from agent.names.names import Names
from agent.web.connection import Connection
from agent.web.failures import NoAnswerError, not_connected
from agent.web.request import Origin

_HEAD_START_SECONDS = 0.25  # of one address before the next one: RFC 8305 section 5


@cache
def trusted() -> ssl.SSLContext:
    """The certificates that this machine trusts, names checked, and HTTP/1.1 as the only protocol."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


async def connected(
    names: Names, to: Origin, context: ssl.SSLContext, gone: Callable[[Connection], None]
) -> Connection:
    """Connect, TLS included. An address that fails, in TCP or in TLS, is followed by the next.

    Args:
        names: looks the host up.
        to: where.
        context: for https.
        gone: see `Connection`.

    Raises:
        NoAnswerError: there is no connection; surely nothing was sent.
    """
    try:
        left = [_entry(address, to.port) for address in await names.addresses(to.host, (6, 4))]
    except (NamesError, OSError):
        raise NoAnswerError(Failure.NO_ADDRESS.value, may_have_left=False) from None
    made: dict[socket.socket, AddrInfoType] = {}

    def made_for(entry: AddrInfoType) -> socket.socket:
        fresh = socket.socket(*entry[:3])
        made[fresh] = entry
        return fresh

    while True:
        try:
            plain = await start_connection(
                left, happy_eyeballs_delay=_HEAD_START_SECONDS, socket_factory=made_for
            )
        except OSError as error:
            raise not_connected(error) from None
        try:
            _require_standing(plain)
            return await _over(plain, to, context, gone)
        except OSError as error:
            others = [entry for entry in left if entry != made[plain]]
            if not others:
                raise not_connected(error) from None
            left = others


def _require_standing(plain: socket.socket) -> None:
    """Raise `OSError` where the far end has reset it since: the loop would find out only by sending."""
    try:
        plain.getpeername()
    except OSError:
        plain.close()
        raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)) from None


async def _over(
    plain: socket.socket, to: Origin, context: ssl.SSLContext, gone: Callable[[Connection], None]
) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: Connection(plain, gone),
        sock=plain,
        ssl=context if to.tls else None,
        server_hostname=to.host.rstrip(".") if to.tls else None,  # certificates name no final dot
    )
    return connection


def _entry(address: str, port: int) -> AddrInfoType:
    if ":" in address:
        place, _, zone = address.partition("%")
        scope = socket.if_nametoindex(zone) if zone else 0
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (place, port, 0, scope)
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)
