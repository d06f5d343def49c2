# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a request comes from that a trusted proxy passed on.

A client may send any header, X-Forwarded-For too, and many proxies pass that on or add to it: what a client
wrote stands left of what proxies wrote. So a header counts only where it is named as one that the proxy sets,
and of its addresses the right-most that is no trusted proxy's.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from agent.core.model.access import Proxy
from agent.core.units import ip, unmapped

_MOST: Final = 32
"""Addresses that are looked at: a chain of more proxies is none."""


def trusted(remote: str, proxy: Proxy | None) -> bool:
    """Whether an address is the proxy's."""
    found = _address(remote)
    return proxy is not None and found is not None and _is_of(found, proxy)


def client(remote: str, said: Sequence[str], proxy: Proxy) -> str:
    """The address of a client behind the proxy, as that says it; the proxy's where it says nothing usable.

    Args:
        remote: the proxy's address.
        said: each of the lines of its `address_header` that the request has.
        proxy: as configured.
    """
    nearest = remote
    for text in reversed(",".join(said).rsplit(",", _MOST)[-_MOST:]):
        found = _address(text)
        if found is None:  # who wrote it is not known, and so is all to its left
            return nearest
        nearest = str(found)
        if not _is_of(found, proxy):
            break
    return nearest


def _is_of(address: IPv4Address | IPv6Address, proxy: Proxy) -> bool:
    return any(address.version == source.version and address in source for source in proxy.sources)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address as proxies write it: a port may follow, an IPv6 address may stand in brackets."""
    bare = text.strip().strip('"').partition("%")[0]
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        found = ip(bare)
    except ValueError:
        return None
    return unmapped(found)
