# SPDX-License-Identifier: GPL-3.0-or-later
"""Free ports on 127.0.0.1, below the kernel's ephemeral range, where no outgoing socket takes one."""

from __future__ import annotations

import os
import random
import socket
from contextlib import suppress
from pathlib import Path

_LOW, _HIGH = 12000, 31000
_RTP_LOW, _RTP_HIGH = 33000, 60000
_LISTEN = "0A"  # of /proc/net/tcp
_given: set[int] = set()
_random = random.Random(os.getpid())  # noqa: S311 - spreads parallel runs apart, guards nothing


class _Round:
    """Goes through the RTP ports again and again, from a place that differs with each run."""

    def __init__(self) -> None:
        self._next = _random.randrange(_RTP_LOW, _RTP_HIGH, 2)

    def take(self, size: int) -> int:
        """The first of the next ``size`` ports."""
        low = self._next if self._next + size <= _RTP_HIGH else _RTP_LOW
        self._next = low + size
        return low


_round = _Round()


def free_port() -> int:
    """A port that nobody holds for UDP or TCP now and that this process has not given out before."""
    while True:
        port = _random.randrange(_LOW, _HIGH)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def free_rtp_port() -> int:
    """An even free port whose odd neighbour (RTCP) is free too."""
    while True:
        port = _random.randrange(_LOW, _HIGH, 2)
        if not {port, port + 1} & _given and _is_free(port) and _is_free(port + 1):
            _given.update((port, port + 1))
            return port


def free_steps(step: int, count: int) -> int:
    """The first of ``count`` free ports that lie ``step`` apart."""
    while True:
        first = _random.randrange(_LOW, _HIGH - step * count)
        ports = {first + step * number for number in range(count)}
        if not ports & _given and all(map(_is_free, ports)):
            _given.update(ports)
            return first


def free_range(size: int) -> tuple[int, int]:
    """First and last of ``size`` neighbouring ports for RTP (first even), none bound for UDP at this moment.

    They are handed out round and round, so that one comes again only long after the agent that had it.
    TCP is not looked at: connections that ended a minute ago still hold ports all over the range.

    Raises:
        AssertionError: twice around, and no such range was free.
    """
    size += size % 2
    for _ in range(2 * (_RTP_HIGH - _RTP_LOW) // size):
        low = _round.take(size)
        if all(_is_free(port, socket.SOCK_DGRAM) for port in range(low, low + size)):
            return low, low + size - 1
    raise AssertionError(f"no {size} neighbouring UDP ports are free between {_RTP_LOW} and {_RTP_HIGH}")


def is_bound(process: int, port: int, *, tcp: bool = False) -> bool:
    """Whether a process itself has this port: for UDP a socket bound to it, for TCP one that listens.

    That somebody has it proves nothing: the one who had it before may not be gone yet.
    """
    _, *lines = Path("/proc/net/tcp" if tcp else "/proc/net/udp").read_text().splitlines()
    rows = [line.split() for line in lines]
    bound = {row[9] for row in rows if row[1].endswith(f":{port:04X}") and (not tcp or row[3] == _LISTEN)}
    return bool(bound) and bool(bound & _sockets(process))


def _sockets(process: int) -> set[str]:
    """The inodes of a process's sockets."""
    found = set()
    with suppress(FileNotFoundError):  # it ended, or closed one, while we looked
        for entry in Path(f"/proc/{process}/fd").iterdir():
            with suppress(FileNotFoundError):
                found.add(str(entry.readlink()).removeprefix("socket:[").removesuffix("]"))
    return found


def _is_free(port: int, *only: socket.SocketKind) -> bool:
    for kind in only or (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
