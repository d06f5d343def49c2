# SPDX-License-Identifier: GPL-3.0-or-later
"""When a packet arrived, by the kernel's clock: how late a busy process reads it makes no difference."""

from __future__ import annotations

import socket
import struct
from typing import Final

from agent.core.errors import AgentError

_SO_TIMESTAMPNS: Final = 35  # socket(7) and linux/socket.h; Python does not name it
_TIMESPEC: Final = struct.Struct("@ll")
SPACE: Final = socket.CMSG_SPACE(_TIMESPEC.size)
"""How much room for ancillary data `recvmsg` needs."""


def stamp(packets: socket.socket) -> None:
    """Let the kernel add its time to each packet of this socket."""
    packets.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def arrived(ancillary: list[tuple[int, int, bytes]]) -> float:
    """When a packet came, in seconds since the epoch.

    Args:
        ancillary: what `recvmsg` gave with it.

    Raises:
        AgentError: the socket does not stamp packets.
    """
    for level, kind, value in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, nanoseconds = _TIMESPEC.unpack(value)
            return float(seconds + nanoseconds / 1e9)
    raise AgentError("the kernel gives no time for packets")
