# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that a test tells, where no name server is needed."""

from __future__ import annotations

import asyncio

from agent.core.errors import NamesError, NoSuchNameError
from agent.names.found import Found, Service, Version


class Told:
    """A source for `agent.names.names.Names`: what the test says, when it says so.

    Attributes:
        addresses_of: the addresses of each name.
        services_of: its SRV records.
        failure: raised for every name, where it is there.
        answering: set while there are answers at all.
        asked: the names that were asked for, in order.
    """

    def __init__(self) -> None:
        self.addresses_of: dict[str, tuple[str, ...]] = {}
        self.services_of: dict[str, tuple[Service, ...]] = {}
        self.failure: NamesError | None = None
        self.answering = asyncio.Event()
        self.answering.set()
        self.asked: list[str] = []

    async def addresses(self, host: str, version: Version) -> Found[str]:
        """The addresses of a host, of one IP version."""
        await self._answers(host)
        found = tuple(one for one in self.addresses_of.get(host, ()) if (":" in one) == (version == 6))
        if not found:
            raise NoSuchNameError(f"{host} can't be looked up: there is no such name")
        return Found(found, 60.0)

    async def services(self, name: str) -> Found[Service]:
        """The SRV records of a name."""
        await self._answers(name)
        if not (found := self.services_of.get(name, ())):
            raise NoSuchNameError(f"{name} can't be looked up: there is no such name")
        return Found(found, 60.0)

    def close(self) -> None:
        """Nothing is open."""

    async def _answers(self, name: str) -> None:
        self.asked.append(name)
        await self.answering.wait()
        if self.failure is not None:
            raise self.failure
