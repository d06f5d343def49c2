# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom an address stands for, where each may have only so much."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import Final

_HOST_BITS: Final = (
    64  # of an IPv6 address: whoever has one has all that share the rest (RFC 4291 section 2.5.1)
)


def network(address: str) -> str:
    """The address, or the network of an IPv6 address, which has 2^64 of them at its disposal."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or IPv6Address(int(found) >> _HOST_BITS << _HOST_BITS))
