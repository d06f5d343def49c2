# SPDX-License-Identifier: GPL-3.0-or-later
"""An event loop that looks names up with `Names`, whoever asks: no look-up takes a thread of its executor."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from agent.core.errors import NamesError, NoSuchNameError
from agent.names.found import Version
from agent.names.names import Names, version_of

_VERSIONS: dict[int, tuple[Version, ...]] = {
    socket.AF_UNSPEC: (6, 4),
    socket.AF_INET: (4,),
    socket.AF_INET6: (6,),
}


class NamesLoop(asyncio.SelectorEventLoop):
    """asyncio's loop, but for `getaddrinfo`, which libraries ask (the PostgreSQL driver, aiohttp).

    Attributes:
        names: who looks names up; None leaves it to asyncio.
    """

    names: Names | None = None

    async def getaddrinfo(self, host: Any, port: Any, **how: Any) -> list[Any]:  # noqa: ANN401 - asyncio's own
        """As `socket.getaddrinfo`; raises `socket.gaierror` where the name can't be looked up."""
        family = how.get("family", socket.AF_UNSPEC)
        named = isinstance(host, str) and host and version_of(host.partition("%")[0]) is None
        if self.names is None or not named or family not in _VERSIONS:
            return await super().getaddrinfo(host, port, **how)
        try:
            found = await self.names.addresses(host, _VERSIONS[family])
        except NamesError as error:
            absent = isinstance(error, NoSuchNameError)
            raise socket.gaierror(socket.EAI_NONAME if absent else socket.EAI_AGAIN, str(error)) from None
        flags = how.get("flags", 0) | socket.AI_NUMERICHOST
        numeric: dict[str, Any] = {**how, "family": socket.AF_UNSPEC, "flags": flags & ~socket.AI_ADDRCONFIG}
        # An address and a number need neither a file nor a server: this does not block.
        return [entry for address in found for entry in socket.getaddrinfo(address, port, **numeric)]
