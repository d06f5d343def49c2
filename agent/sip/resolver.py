# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a target is (RFC 3263): its addresses, in the order in which they are tried; pjsip looks none up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agent.core.errors import NamesError, SipError
from agent.core.targets import draw
from agent.core.units import SIP_PORTS, Listen, Transport, bracketed
from agent.core.uris import SipUri
from agent.names.found import Service, Version
from agent.names.names import Names, version_of

_SERVICES = {"udp": "_sip._udp.", "tcp": "_sip._tcp.", "tls": "_sips._tcp."}
_MOST_HOPS = 8
_LAST_SECONDS = 30.0
_NOT_HERE = "."  # the target of an SRV record that says: not at all (RFC 2782)


@dataclass(frozen=True, slots=True)
class Hop:
    """One address of a target: where its messages go, whatever host its URI names."""

    transport: Transport
    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.transport} {bracketed(self.address)}:{self.port}"


@dataclass(frozen=True, slots=True)
class _Share:
    """A service and its share among those of its priority."""

    weight: int
    service: Service


class Resolver:
    """Finds targets.

    Args:
        names: looks host names up.
        listeners: where this node listens: it can only call from there.
        chance: gives a number from 0 up to 1.
        clock: seconds on a clock that does not go back.
    """

    def __init__(
        self,
        names: Names,
        listeners: Iterable[Listen],
        *,
        chance: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._names = names
        self._versions: dict[Transport, tuple[Version, ...]] = {}
        for listener in listeners:
            version = version_of(listener.host) or 4
            known = self._versions.get(listener.transport, ())
            self._versions[listener.transport] = tuple(dict.fromkeys((*known, version)))
        self._chance, self._clock = chance, clock
        self._silent: dict[Hop, float] = {}

    def at_hand(self, target: SipUri) -> tuple[Hop, ...] | None:
        """The address of a target whose host is one; None where it must be looked up, or can't be called."""
        version = version_of(target.host)
        if version is None or version not in self._versions.get(target.transport, ()):
            return None
        return (Hop(target.transport, target.host, target.port or SIP_PORTS[target.transport]),)

    async def locate(self, target: SipUri) -> tuple[Hop, ...]:
        """The addresses of a target, one at least; those at which nobody was heard of late come last.

        Without a port the SRV records of its host count (RFC 3263 section 4.2).

        Raises:
            SipError: it has none that this node can call.
        """
        if (hop := self.at_hand(target)) is not None:
            return hop
        versions = self._versions.get(target.transport, ())
        if not versions:
            raise SipError(f"there is no {target.transport} listener to call from: add one to sip.listen")
        try:
            hops = await self._found(target.host, target.port, target.transport, versions)
        except NamesError as error:
            raise SipError(str(error)) from None
        now = self._clock()
        return tuple(sorted(hops, key=lambda hop: self._silent.get(hop, 0.0) > now)[:_MOST_HOPS])

    def silent(self, hop: Hop) -> None:
        """Nobody was heard there: for a while other addresses of the same target are tried first."""
        now = self._clock()
        self._silent = {known: until for known, until in self._silent.items() if until > now}
        self._silent[hop] = now + _LAST_SECONDS

    async def _found(
        self, host: str, port: int | None, transport: Transport, versions: Sequence[Version]
    ) -> list[Hop]:
        default = SIP_PORTS[transport]
        if port is None and version_of(host) is None and not self._names.at_home(host):
            services = await self._services(_SERVICES[transport] + host)
            if services:
                return await self._of_services(host, services, transport, versions)
        found = await self._names.addresses(host, versions)
        return [Hop(transport, address, port or default) for address in found]

    async def _services(self, name: str) -> tuple[Service, ...]:
        try:
            return await self._names.services(name)
        except NamesError:
            return ()  # name servers there are that answer for addresses only

    async def _of_services(
        self, host: str, services: Sequence[Service], transport: Transport, versions: Sequence[Version]
    ) -> list[Hop]:
        hops: list[Hop] = []
        failure = NamesError(f"{host} takes no calls over {transport}, its SRV record says")
        for service in self._in_order(one for one in services if one.host not in ("", _NOT_HERE)):
            try:
                found = await self._names.addresses(service.host, versions)
            except NamesError as error:
                failure = error
                continue
            hops += (Hop(transport, address, service.port) for address in found)
        if not hops:
            raise failure
        return hops

    def _in_order(self, services: Iterable[Service]) -> list[Service]:
        """By priority, within one by weighted chance (RFC 2782)."""
        left, order = [_Share(one.weight, one) for one in sorted(services)], []
        while left:
            first = left[0].service.priority
            chosen = draw([one for one in left if one.service.priority == first], self._chance())
            left.remove(chosen)
            order.append(chosen.service)
        return order
