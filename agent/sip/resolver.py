# SPDX-License-Identifier: GPL-3.0-or-later
"""Voice agents' host names, looked up on the loop: inside pjsip a look-up would hold every call up."""

from __future__ import annotations

import asyncio
import socket
import time
from ipaddress import ip_address

from agent.core.errors import SipError
from agent.core.units import bracketed
from agent.core.uris import SipUri

_KEEP_SECONDS = 30.0
_DEFAULT_PORT = {"udp": 5060, "tcp": 5060, "tls": 5061}


class Resolver:
    """Turns a target's URI into one that names an IP address; remembers answers for half a minute."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, str]] = {}

    async def resolve(self, target: SipUri) -> str:
        """The URI with an IP address as host.

        Raises:
            SipError: the name has no address.
        """
        if _is_ip(target.host):
            return target.text
        address = await self._address(target)
        port = target.port or _DEFAULT_PORT[target.transport]
        user = f"{target.user}@" if target.user else ""
        return f"sip:{user}{bracketed(address)}:{port};transport={target.transport}"

    async def _address(self, target: SipUri) -> str:
        kept = self._known.get(target.host)
        if kept and kept[0] > time.monotonic():
            return kept[1]
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(target.host, None, type=socket.SOCK_DGRAM)
        except OSError as error:
            if kept:
                return kept[1]  # an answer that is old beats none
            raise SipError(f"{target.host} can't be looked up: {error.strerror or error}") from None
        address = str(found[0][4][0])
        self._known[target.host] = (time.monotonic() + _KEEP_SECONDS, address)
        return address


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
