# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way this machine would send; the kernel says, and nothing is sent."""

from __future__ import annotations

import socket
from typing import Final

_NO_LOOK_UP: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


def own_address_towards(address: str, port: int) -> str | None:
    """This machine's address as a peer at an IP address sees it; None where no way leads there."""
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM, flags=_NO_LOOK_UP)
        family, kind, _, _, place = found[0]
        with socket.socket(family, kind) as looking:
            looking.connect(place)
            return str(looking.getsockname()[0])
    except OSError:
        return None
