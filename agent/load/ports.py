# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of this machine that nobody has, outside of those that the kernel hands out by itself (ip(7)).

From the kernel's own only where a load needs more than there are outside, as a machine may be set up to have
none: an outgoing socket may then take one between our look and our use.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from agent.core.errors import AgentError
from agent.core.units import PortRange

_OURS: Final = PortRange(6000, 65_535)  # below are services that people know by their numbers
_KERNELS: Final = PortRange(32_768, 60_999)  # where nobody set another
_SETTING: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")  # of IPv6 too
_SINGLES: Final = 4000  # at the lower end of where they are looked for first; none of them is one of several
_TRIES: Final = 200
_random = random.SystemRandom()


def kernels() -> PortRange:
    """The ports that the kernel hands out to sockets that ask for none."""
    try:
        low, high = map(int, _SETTING.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return _KERNELS
    return PortRange(low, high)


class Ports:
    """Gives ports of one address out, each once."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self._address = address
        self._given: set[int] = set()
        self._areas = _areas(kernels())

    def one(self) -> int:
        """A port that is free for UDP and TCP.

        Raises:
            AgentError: none was found.
        """
        area = self._areas[0]
        singles = range(area.low, min(area.low + _SINGLES, area.high + 1))
        for _ in range(_TRIES):
            port = _random.choice(singles)
            kinds = (socket.SOCK_DGRAM, socket.SOCK_STREAM)
            if port not in self._given and all(is_free(self._address, port, kind) for kind in kinds):
                self._given.add(port)
                return port
        raise AgentError(f"no free port from {singles.start} to {singles.stop - 1} on {self._address}")

    def several(self, count: int) -> PortRange:
        """So many neighbouring ports that are free for UDP; the first one is even.

        Raises:
            AgentError: there are none.
        """
        count += count % 2
        for area in self._areas:
            first = area.low + (_SINGLES if area in (self._areas[0], _OURS) else 0)
            lows = range(first + first % 2, area.high - count + 2, 2)
            for low in _random.sample(lows, min(_TRIES, len(lows))):
                ports = range(low, low + count)
                if self._given.isdisjoint(ports) and self._all_free(ports):
                    self._given.update(ports)
                    return PortRange(low, low + count - 1)
        raise AgentError(f"no {count} neighbouring UDP ports are free on {self._address}: lower --at-once")

    def _all_free(self, ports: Iterable[int]) -> bool:
        return all(is_free(self._address, port, socket.SOCK_DGRAM) for port in ports)


def _areas(kernels: PortRange) -> list[PortRange]:
    """Where ports are looked for, in this order: below the kernel's, above them, anywhere."""
    below = PortRange(_OURS.low, min(kernels.low - 1, _OURS.high))
    above = PortRange(max(kernels.high + 1, _OURS.low), _OURS.high)
    outside = [area for area in (below, above) if area.count >= _SINGLES]
    return [*outside, _OURS]


def is_free(address: str, port: int, kind: socket.SocketKind) -> bool:
    """Whether nobody has a port of an address of this machine."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, kind) as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
