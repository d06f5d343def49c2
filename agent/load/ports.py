# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of this machine that nobody has, outside of those that the kernel hands out by itself."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable
from typing import Final

from agent.core.errors import AgentError
from agent.core.units import PortRange

_SINGLE: Final = range(6000, 16_000)
_RANGES: Final = PortRange(16_000, 60_998)
_TRIES: Final = 200
_random = random.SystemRandom()


class Ports:
    """Gives ports of one address out, each once."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self._address = address
        self._given: set[int] = set()

    def one(self) -> int:
        """A port that is free for UDP and TCP.

        Raises:
            AgentError: none was found.
        """
        for _ in range(_TRIES):
            port = _random.choice(_SINGLE)
            kinds = (socket.SOCK_DGRAM, socket.SOCK_STREAM)
            if port not in self._given and all(is_free(self._address, port, kind) for kind in kinds):
                self._given.add(port)
                return port
        raise AgentError(f"no free port from {_SINGLE.start} to {_SINGLE.stop} on {self._address}")

    def several(self, count: int) -> PortRange:
        """So many neighbouring ports that are free for UDP; the first one is even.

        Raises:
            AgentError: there are none.
        """
        count += count % 2
        lows = list(range(_RANGES.low, _RANGES.high - count + 2, 2))
        for low in _random.sample(lows, min(_TRIES, len(lows))):
            ports = range(low, low + count)
            if self._given.isdisjoint(ports) and self._all_free(ports):
                self._given.update(ports)
                return PortRange(low, low + count - 1)
        raise AgentError(f"no {count} neighbouring UDP ports are free on {self._address}: lower --at-once")

    def _all_free(self, ports: Iterable[int]) -> bool:
        return all(is_free(self._address, port, socket.SOCK_DGRAM) for port in ports)


def is_free(address: str, port: int, kind: socket.SocketKind) -> bool:
    """Whether nobody has a port of an address of this machine."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, kind) as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
