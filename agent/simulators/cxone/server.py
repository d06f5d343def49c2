# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the simulated CXone's endpoints together and listens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Self

from aiohttp import web

from agent.simulators.cxone.control import Control
from agent.simulators.cxone.discovery import Discovery
from agent.simulators.cxone.faults import Fault
from agent.simulators.cxone.identity import Identity
from agent.simulators.cxone.knobs import Knobs, Tenant
from agent.simulators.cxone.signal import SignalApi
from agent.simulators.cxone.tms import Tms
from agent.simulators.cxone.world import World

_LONGEST_LINE: Final = 65_536
"""Bytes; above every limit that a knob sets, so that the knob decides."""


class CxoneSimulator:
    """A fake CXone: identity server, discovery, Signal API and TMS behind one listener.

    Use it as an async context manager, or call `start` and `aclose`. ``world`` is open to tests that run in
    the same process; others use the control API.
    """

    def __init__(self, tenants: Iterable[Tenant] = (), knobs: Knobs | None = None) -> None:
        self.world = World(tuple(tenants) or (Tenant(),), knobs or Knobs())
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen.

        Args:
            host: an address of this machine.
            port: 0 takes a free one.

        Returns:
            The base URL, which is issuer and ``api_endpoint`` at once.

        Raises:
            OSError: the address can't be listened on.
        """
        application = web.Application()
        for part in (Identity, Discovery, Tms, Control, SignalApi):  # the last takes every other path
            application.add_routes(part(self.world).routes())
        self._runner = web.AppRunner(
            application,
            access_log=None,
            handler_cancellation=True,
            shutdown_timeout=0.1,
            max_line_size=_LONGEST_LINE,
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        name = f"[{host}]" if ":" in host else host
        self.url = f"http://{name}:{self._runner.addresses[0][1]}"
        return self.url

    def fails(self, target: str, **fault: object) -> None:
        """Set the one fault of a target: the same as ``PUT /simulator/faults``, for tests in this process.

        Raises:
            ValueError: unknown target or unknown fault.
        """
        self.world.faults.put(target, [Fault.model_validate(fault)])

    def heals(self) -> None:
        """Take all faults away."""
        self.world.faults.clear()

    def signals(self, contact_id: str | None = None) -> list[dict[str, Any]]:
        """The signal requests so far, of one contact or of all, as ``GET /simulator/signals`` lists them."""
        return self.world.ledger.entries(contact_id)

    def transcripts(self, contact_id: str | None = None) -> list[dict[str, Any]]:
        """The transcript requests so far, as ``GET /simulator/transcripts`` lists them."""
        return self.world.transcripts.entries(contact_id)

    async def aclose(self) -> None:
        """Stop listening and end all connections."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
