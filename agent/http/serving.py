# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts an application on a TCP port and takes it off again."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from agent.core.errors import AgentError
from agent.core.units import Address

_SHUTDOWN_SECONDS: Final = 2.0


class HttpError(AgentError):
    """An HTTP listener can't be opened."""


class Server:
    """A listener that is up."""

    def __init__(self, runner: web.AppRunner) -> None:
        self._runner = runner

    @property
    def port(self) -> int:
        """The port that is listened on; the one the system chose if 0 was asked for."""
        port: int = self._runner.addresses[0][1]
        return port

    async def aclose(self) -> None:
        """Take no more requests, let those that run end for a moment, then close."""
        await self._runner.cleanup()


async def serve(app: web.Application, host: str, port: int) -> Server:
    """Listen and serve.

    Raises:
        HttpError: the address can't be listened on; one line says why.
    """
    # No access log: it would hold query strings, and metrics and the agent's own log say what matters.
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise HttpError(f"HTTP can't listen on {host}:{port}: {error.strerror or error}") from error
    return Server(runner)


async def serve_app(app: web.Application, address: Address) -> Server:
    """Listen on an address of the configuration and serve; raises `HttpError`."""
    return await serve(app, address.host, address.port)
