# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets aiohttp look names up with `Names`."""

from __future__ import annotations

import socket
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

from agent.core.errors import NamesError
from agent.names.found import Version
from agent.names.names import Names

_VERSIONS: Final[dict[int, tuple[Version, ...]]] = {socket.AF_INET: (4,), socket.AF_INET6: (6,)}


class NamesResolver(AbstractResolver):
    """A resolver for `aiohttp.TCPConnector`.

    Args:
        names: looks them up, and remembers: aiohttp's own cache knows no TTL and is to be switched off.
    """

    def __init__(self, names: Names) -> None:
        self._names = names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host; raises `OSError` when it has none."""
        try:
            found = await self._names.addresses(host, _VERSIONS.get(family, (6, 4)))
        except NamesError as error:
            raise OSError(None, str(error)) from None
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing: who made `Names` closes it."""
