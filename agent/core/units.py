# SPDX-License-Identifier: GPL-3.0-or-later
"""How operators write durations, port ranges and addresses, and what these mean.

Each parser takes what YAML gives, returns a plain value and raises ``ValueError`` with one line that says
what is wrong and what would be right.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Literal

Transport = Literal["udp", "tcp", "tls"]
Network = IPv4Network | IPv6Network

SIP_PORTS: Final[dict[Transport, int]] = {"udp": 5060, "tcp": 5060, "tls": 5061}
"""The port where none is written (RFC 3261 section 19.1.2)."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+", re.ASCII)
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_LONGEST = 366 * 86400.0
_PORT_RANGE = re.compile(r"(\d{1,5})\s*-\s*(\d{1,5})", re.ASCII)
_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.?",
    re.ASCII,
)
HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True, order=True)
class PortRange:
    """UDP ports from ``low`` to ``high``, both included."""

    low: int
    high: int

    @property
    def count(self) -> int:
        """How many ports there are."""
        return self.high - self.low + 1

    def __str__(self) -> str:
        return f"{self.low}-{self.high}"


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """A host (name or IP, IPv6 without brackets) and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{bracketed(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True, order=True)
class Listen:
    """Where SIP is listened for. ``host`` is an IP address, IPv6 without brackets."""

    transport: Transport
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.transport}://{bracketed(self.host)}:{self.port}"


@lru_cache(maxsize=4096)
def ip(text: str) -> IPv4Address | IPv6Address:
    """The IPv4 or IPv6 address that a text is; the newest are remembered: the same few come with every call.

    Raises:
        ValueError: it is none.
    """
    return ip_address(text)


def unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address, where one is written as IPv6 (``::ffff:192.0.2.7``, RFC 4291 section 2.5.5.2)."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def bracketed(host: str) -> str:
    """The host as it stands in a URL: an IPv6 address gets brackets (RFC 3986 section 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def is_ip(text: str) -> bool:
    """Whether ``text`` is an IPv4 or IPv6 address (without brackets)."""
    try:
        ip(text)
    except ValueError:
        return False
    return True


def is_host_name(text: str) -> bool:
    """Whether ``text`` could be a DNS name; its last label begins with a letter (``10.0.0.300`` is none)."""
    return _HOST_NAME.fullmatch(text) is not None


def seconds(value: object) -> float:
    """A duration in seconds from ``30s``, ``500ms``, ``1h30m`` or a plain number of seconds.

    Raises:
        ValueError: it is no duration, is negative or is longer than a year.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is not a duration: write 30s, 500ms, 2m or 4h")  # noqa: TRY004
    if isinstance(value, str):
        text = value.replace(" ", "")
        if _DURATION.fullmatch(text) is None:
            raise ValueError(f"{value!r} is not a duration: write 30s, 500ms, 2m or 4h")
        result = math.fsum(float(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(text))
    else:
        result = float(value)
    if not 0 <= result <= _LONGEST:  # also refuses nan
        raise ValueError(f"{value} is out of range: a duration lies between 0s and 366d")
    return result


def port_range(value: object) -> PortRange:
    """A port range from ``20000-27999``.

    Raises:
        ValueError: it is no range, runs backwards, or leaves 1024 to 65535.
    """
    if isinstance(value, PortRange):
        return value
    match = _PORT_RANGE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a port range: write 20000-27999")
    low, high = int(match[1]), int(match[2])
    if low > high:
        raise ValueError(f"{value} runs backwards: write {high}-{low}")
    if low < 1024 or high > HIGHEST_PORT:  # noqa: PLR2004 - the privileged ports end at 1023
        raise ValueError(f"{value} leaves the usable ports: stay within 1024-65535")
    return PortRange(low, high)


def listen(value: object) -> Listen:
    """A SIP listener from ``udp://0.0.0.0:5060``, ``tcp://…``, ``tls://[::]:5061``; the port may be left out.

    Raises:
        ValueError: the scheme is none of these, or what follows is no IP address and port.
    """
    if isinstance(value, Listen):
        return value
    text = value if isinstance(value, str) else ""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in ("udp", "tcp", "tls"):
        raise ValueError(f"{value!r} is not a SIP listener: write udp://0.0.0.0:5060, tcp://… or tls://…")
    transport: Transport = scheme  # type: ignore[assignment]  # just checked
    host, port = host_and_port(rest)
    if not is_ip(host):
        raise ValueError(
            f"{host!r} is not an IP address: listen on 0.0.0.0, [::] or an address of this machine"
        )
    return Listen(transport, host, SIP_PORTS[transport] if port is None else port)


def address(value: object) -> Address:
    """An HTTP listener's address from ``0.0.0.0:8080``, ``localhost:8080`` or ``[::1]:8080``.

    Raises:
        ValueError: the host or the port is absent or impossible.
    """
    if isinstance(value, Address):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not an address: write host:port, such as 127.0.0.1:8080")  # noqa: TRY004
    host, port = host_and_port(value)
    if port is None:
        raise ValueError(f"{value!r} has no port: write {bracketed(host)}:8080")
    return Address(host, port)


def host_and_port(text: str) -> tuple[str, int | None]:
    """Take ``host``, ``host:port``, ``[v6]`` or ``[v6]:port`` apart.

    Returns:
        The host without brackets, and the port, None where there is none.

    Raises:
        ValueError: one of them is impossible.
    """
    if "/" in text:
        plain = text.rpartition("://")[2].partition("/")[0] or "127.0.0.1:8080"
        raise ValueError(f"{text!r} is not host:port: write that alone, such as {plain}")
    if text.startswith("["):
        host, closing, rest = text[1:].partition("]")
        if not closing or ":" not in host or not is_ip(host) or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is not an IPv6 address in brackets: write [::1]:5060")
        separator, port_text = rest[:1], rest[1:]
    else:
        host, separator, port_text = text.partition(":")
        if ":" in port_text and is_ip(text):
            raise ValueError(f"{text!r} is an IPv6 address: put it in brackets, [{text}]")
    if not is_ip(host) and not is_host_name(host):
        raise ValueError(f"{host!r} is neither an IP address nor a host name")
    if not separator:
        return host, None
    if not (port_text.isascii() and port_text.isdigit() and 1 <= int(port_text[:6]) <= HIGHEST_PORT):
        raise ValueError(f"{port_text!r} is not a port: write a number from 1 to 65535")
    return host, int(port_text)


def network(value: object) -> Network:
    """An address or a network in CIDR form.

    Raises:
        ValueError: it is neither, or bits are set beyond its mask.
    """
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a network: write 192.0.2.0/24 or 192.0.2.7")  # noqa: TRY004
    try:
        loose = ip_network(value.strip(), strict=False)
    except ValueError:
        raise ValueError(f"{value!r} is not a network: write 192.0.2.0/24 or 192.0.2.7") from None
    given = value.strip().partition("/")[0]
    if ip_address(given) != loose.network_address:
        raise ValueError(
            f"{value} has bits set beyond its mask: write {loose} or {given}/{loose.max_prefixlen}"
        )
    return loose
