# SPDX-License-Identifier: GPL-3.0-or-later
"""A small real name server on a port of the test's own network (RFC 1035, UDP): A, AAAA, SRV, or silence."""

from __future__ import annotations

import socket
import struct
import threading
from collections import Counter
from ipaddress import ip_address
from typing import Final, Self

_TYPES: Final = {1: "A", 28: "AAAA", 33: "SRV"}
_NO_ERROR, _SERVER_FAILURE, _NO_SUCH_NAME = 0, 2, 3
_HEADER: Final = struct.Struct(">6H")


class NameServer:
    """Answers from `records`; a context manager.

    Attributes:
        records: ``(type, name)`` → what stands there: addresses; for SRV ``(priority, weight, port, host)``.
        ttl: of all of it, in seconds.
        silent: types and names that get no answer: ``"AAAA"``, ``"bot.example"``, or ``"*"`` for all.
        broken: whether everything is answered with SERVFAIL.
        asked: how often each ``(type, name)`` was asked for.
        address: ``127.0.0.1:port``, as the configuration wants it.
    """

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str | tuple[int, int, int, str]]] = {}
        self.ttl = 60
        self.silent: set[str] = set()
        self.broken = False
        self.asked: Counter[tuple[str, str]] = Counter()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def has(self, name: str, *addresses: str) -> None:
        """Let a name have these addresses."""
        for address in addresses:
            kind = "AAAA" if ":" in address else "A"
            self.records.setdefault((kind, name), []).append(address)

    def has_services(self, name: str, *services: tuple[int, int, int, str]) -> None:
        """Let a name have these SRV records: priority, weight, port, host."""
        self.records.setdefault(("SRV", name), []).extend(services)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            query, peer = self._socket.recvfrom(4096)
            if not query:
                return
            if (answer := self._answer(query)) is not None:
                self._socket.sendto(answer, peer)

    def _answer(self, query: bytes) -> bytes | None:
        number, flags, *_ = _HEADER.unpack_from(query)
        name, end = _name_at(query, _HEADER.size)
        kind = _TYPES.get(int.from_bytes(query[end : end + 2], "big"), "other")
        self.asked[kind, name] += 1
        if self.silent & {"*", kind, name}:
            return None
        found = self.records.get((kind, name), [])
        there = any(known == name for _, known in self.records)
        code = _SERVER_FAILURE if self.broken else _NO_ERROR if there else _NO_SUCH_NAME
        records = [] if self.broken else [self._record(one) for one in found]
        header = _HEADER.pack(number, 0x8580 | (flags & 0x0100) | code, 1, len(records), 0, 0)
        return header + query[_HEADER.size : end + 4] + b"".join(records)

    def _record(self, value: str | tuple[int, int, int, str]) -> bytes:
        if isinstance(value, str):
            data = ip_address(value).packed
            kind = 1 if len(data) == 4 else 28
        else:
            *numbers, host = value
            data, kind = struct.pack(">3H", *numbers) + _encoded(host), 33
        return b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, self.ttl, len(data)) + data


def _name_at(message: bytes, at: int) -> tuple[str, int]:
    labels = []
    while length := message[at]:
        labels.append(message[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels).lower(), at + 1


def _encoded(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
