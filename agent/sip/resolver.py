# SPDX-License-Identifier: GPL-3.0-or-later
"""Voice agents' host names: inside pjsip a look-up would hold every call up."""

from __future__ import annotations

from agent.core.errors import NamesError, SipError
from agent.core.units import bracketed
from agent.core.uris import SipUri
from agent.names.names import Names, version_of

_DEFAULT_PORT = {"udp": 5060, "tcp": 5060, "tls": 5061}


class Resolver:
    """Turns a target's URI into one that names an IP address.

    Args:
        names: looks host names up.
    """

    def __init__(self, names: Names) -> None:
        self._names = names

    async def resolve(self, target: SipUri) -> str:
        """The URI with an IP address as host.

        Raises:
            SipError: the name has no address.
        """
        if version_of(target.host) is not None:
            return target.text
        try:
            address, *_ = await self._names.addresses(target.host)
        except NamesError as error:
            raise SipError(str(error)) from None
        port = target.port or _DEFAULT_PORT[target.transport]
        user = f"{target.user}@" if target.user else ""
        return f"sip:{user}{bracketed(address)}:{port};transport={target.transport}"
