# SPDX-License-Identifier: GPL-3.0-or-later
"""The one resolver: for voice agents, NICE, webhooks, the database; nobody waits for another's name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Self

from agent.core.errors import NoSuchNameError
from agent.core.units import ip
from agent.names.answers import Answers, LookUp
from agent.names.cares import Cares
from agent.names.found import Service, Source, Version
from agent.names.hosts import Hosts
from agent.names.reach import own_address_towards

_BOTH: Final[tuple[Version, ...]] = (4, 6)
_OTHER_VERSION_SECONDS: Final = 0.05  # RFC 8305 section 3, "Resolution Delay"


class Names:
    """Looks names up: once for all who ask, kept by their TTL, an old answer before none, never for long.

    Made on the running loop.

    Args:
        servers: name servers to ask instead of the system's (`agent.names.cares.Cares`).
        told: called with what became of each look-up.
        source: who is asked instead of c-ares.
        hosts: the names that this machine knows by itself.
        clock: seconds on a clock that does not go back.
    """

    def __init__(
        self,
        servers: Sequence[str] = (),
        *,
        told: Callable[[LookUp], None] = lambda _: None,
        source: Source | None = None,
        hosts: Hosts | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source or Cares(servers)
        self._hosts = hosts or Hosts()
        self._told = told
        self._addresses: dict[Version, Answers[str]] = {
            version: Answers(partial(self._source.addresses, version=version), clock, self._tell)
            for version in _BOTH
        }
        self._services = Answers(self._source.services, clock, self._tell)

    async def addresses(self, host: str, versions: Sequence[Version] = _BOTH) -> tuple[str, ...]:
        """The addresses of a host: those of this machine's reach first, else in the order of `versions`.

        Of two IP versions the one that answers later is waited for no longer than 50 ms. An address is given
        back as it is.

        Raises:
            NamesError: it can't be looked up.
            NoSuchNameError: it has no address of these versions.
        """
        if (literal := version_of(host)) is not None:
            if literal not in versions:
                raise NoSuchNameError(f"{host} is no IPv{versions[0]} address")
            return (host,)
        name = host.lower().rstrip(".")
        if len(versions) == 1:
            return await self._addresses[versions[0]].get(name)
        return tuple(sorted(await self._of_both(name, versions), key=_beyond_reach))

    async def services(self, name: str) -> tuple[Service, ...]:
        """The SRV records of a name, none where there are none.

        Raises:
            NamesError: it can't be looked up.
        """
        try:
            return await self._services.get(name.lower().rstrip("."))
        except NoSuchNameError:
            return ()

    def at_home(self, host: str) -> bool:
        """Whether this machine knows the host by itself (hosts file, localhost)."""
        return host in self._hosts

    def tell(self, told: Callable[[LookUp], None]) -> None:
        """Tell `told` of look-ups from now on."""
        self._told = told

    async def aclose(self) -> None:
        """Ask no more; look-ups under way end."""
        flights = [flight for kept in self._addresses.values() for flight in kept.flights()]
        flights += self._services.flights()
        for flight in flights:
            flight.cancel()
        if flights:
            await asyncio.wait(flights)
        self._source.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _tell(self, result: LookUp) -> None:
        self._told(result)

    async def _of_both(self, name: str, versions: Sequence[Version]) -> tuple[str, ...]:
        asked = [asyncio.ensure_future(self._addresses[version].get(name)) for version in versions]
        try:
            done, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            if waiting:
                has_some = any(one.exception() is None for one in done)
                await asyncio.wait(waiting, timeout=_OTHER_VERSION_SECONDS if has_some else None)
        finally:
            for one in asked:
                one.cancel()  # the look-up itself goes on, for the next who asks
        answered = [one for one in asked if one.done() and not one.cancelled()]
        failures = [failure for one in answered if (failure := one.exception()) is not None]
        found = tuple(address for one in answered if one.exception() is None for address in one.result())
        if not found:
            raise min(failures, key=lambda failure: isinstance(failure, NoSuchNameError))
        return found


def version_of(host: str) -> Version | None:
    """4 or 6 where the host is an IP address (without brackets), else None."""
    try:
        return 4 if ip(host).version == 4 else 6  # noqa: PLR2004 - IPv4
    except ValueError:
        return None


def _beyond_reach(address: str) -> bool:
    """Whether this machine has no route to an address (RFC 6724 rule 1); the port is any."""
    return own_address_towards(address, 53) is None
