# SPDX-License-Identifier: GPL-3.0-or-later
"""What a look-up gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar

Version: TypeAlias = Literal[4, 6]
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Found(Generic[Value]):
    """What was found, and for how many seconds it counts (its TTL, RFC 1035 section 3.2.1)."""

    values: tuple[Value, ...]
    ttl: float


@dataclass(frozen=True, slots=True, order=True)
class Service:
    """An SRV record (RFC 2782)."""

    priority: int
    weight: int
    host: str
    port: int


class Source(Protocol):
    """Who is asked: c-ares, or what a test puts in its place. Each look-up raises `NamesError`."""

    async def addresses(self, host: str, version: Version) -> Found[str]:
        """The addresses of a host, of one IP version."""

    async def services(self, name: str) -> Found[Service]:
        """The SRV records of a name."""

    def close(self) -> None:
        """Ask no more."""
