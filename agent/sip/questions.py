# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that pjsip wants to know (a Contact, a Route): asked here, answered later; nothing waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from agent.core.errors import SipError
from agent.core.units import Transport
from agent.sip import native
from agent.sip.resolver import Hop
from agent.telemetry.logs import logger

_log = logger("sip")
Locate = Callable[[str, int | None, Transport], Awaitable[tuple[Hop, ...]]]


class Questions:
    """Takes pjsip's questions and has them answered.

    Args:
        locate: finds a host by name, port and transport; raises `SipError`.
        took: told of errors that nobody else sees.
    """

    def __init__(self, locate: Locate, took: Callable[[str, Exception], None]) -> None:
        self._locate, self._took = locate, took
        self._asking: set[asyncio.Task[None]] = set()

    def look(self) -> None:
        """Take what was asked since the last time."""
        for asked in native.names_asked():
            task = asyncio.get_running_loop().create_task(self._answer(*asked))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    def close(self) -> None:
        """Answer no more: the library is about to go."""
        for task in self._asking:
            task.cancel()
        self._asking.clear()

    async def _answer(self, number: int, host: str, port: int | None, transport: Transport) -> None:
        hops: tuple[Hop, ...] = ()
        try:
            hops = await self._locate(host, port, transport)
        except SipError as error:
            _log.warning("a peer's name is of no use", host=host, error=str(error))
        except Exception as error:  # noqa: BLE001 - pjsip waits for an answer in any case
            self._took("names", error)
        native.name_found(number, hops)


async def nowhere(host: str, _: int | None, __: Transport) -> tuple[Hop, ...]:
    """Where nobody looks names up."""
    raise SipError(f"{host} is not looked up here")
