# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a call comes from: who sent the INVITE or, where a proxy of ours did, who it says it had it from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent.core.headers import Message
from agent.core.units import Network, ip, unmapped

HEADER: Final = "X-Handoff-Source"
"""An IP address, written by a proxy of `sip.trusted_proxies` over whatever came in under that name."""


def is_proxy(sender: str, proxies: Sequence[Network]) -> bool:
    """Whether an address is one of a trusted proxy."""
    address = unmapped(ip(sender))
    return any(address.version == network.version and address in network for network in proxies)


def true_source(sender: str, message: Message, proxies: Sequence[Network]) -> str:
    """The address that a call is judged by.

    Args:
        sender: the address that the INVITE came from.
        message: the INVITE.
        proxies: who is believed (`sip.trusted_proxies`).

    Returns:
        What a proxy's `HEADER` says, where there is one and it is an address; else the sender, which is then
        of no carrier (`admission.admit`). Nobody else's header is looked at.
    """
    if not proxies or not is_proxy(sender, proxies):
        return sender
    values = message.all(HEADER)
    if len(values) != 1:
        return sender
    try:
        return str(unmapped(ip(values[0].strip().strip("[]"))))
    except ValueError:
        return sender
