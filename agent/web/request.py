# SPDX-License-Identifier: GPL-3.0-or-later
"""A request as bytes (RFC 9112 sections 3 and 5), in parts that can be made once for many. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from yarl import URL

_PORTS: Final = {"http": 80, "https": 443}
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_NO_VALUE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NO_TARGET: Final = re.compile(r"[^\x21-\x7e]")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where requests go; those of one origin share connections.

    Attributes:
        host: name or address, without brackets.
        port: of TCP.
        tls: whether it is https.
        named: as the Host header has it.
    """

    host: str
    port: int
    tls: bool
    named: str


@lru_cache(maxsize=256)
def parted(url: str) -> tuple[Origin, str]:
    """The origin of a percent-encoded URL, and what is asked for there: path and query.

    Raises:
        ValueError: it is no http or https URL, or has a user or characters that must not stand in one.
    """
    parsed = URL(url, encoded=True)
    host, port = parsed.raw_host, parsed.port
    if parsed.scheme not in _PORTS or not host or port is None or parsed.raw_user or parsed.raw_password:
        raise ValueError("not a plain http(s) URL")
    target = parsed.raw_path_qs or "/"
    bracketed = f"[{host}]" if ":" in host else host
    named = bracketed if port == _PORTS[parsed.scheme] else f"{bracketed}:{port}"
    if _NO_TARGET.search(target) or _NO_TARGET.search(named):
        raise ValueError("not a percent-encoded URL")
    return Origin(host, port, parsed.scheme == "https", named), target


def lines(headers: Mapping[str, str]) -> bytes:
    """Header lines; nothing in a name or value can begin another one.

    Raises:
        ValueError: a name is no token, or a value holds control characters (RFC 9110 section 5.5).
    """
    for name, value in headers.items():
        if _NAME.fullmatch(name) is None:
            raise ValueError("a header's name is no token")
        if _NO_VALUE.search(value) is not None:
            raise ValueError(f"the value of the header {name} holds control characters")
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()


def common(origin: Origin) -> bytes:
    """The header lines that every request to an origin has."""
    return lines({"Host": origin.named, "User-Agent": "handoff-agent", "Accept-Encoding": "identity"})


def whole(method: str, target: str, headers: bytes, body: bytes | None) -> bytes:
    """All bytes of a request.

    Args:
        method: of HTTP.
        target: path and query, as `parted` gives it.
        headers: lines, those of `common` included.
        body: None for a method that has none; a POST of nothing has b"".
    """
    if body is None:
        return b"%b %b HTTP/1.1\r\n%b\r\n" % (method.encode(), target.encode(), headers)
    return b"%b %b HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (
        method.encode(), target.encode(), headers, len(body), body,
    )  # fmt: skip
