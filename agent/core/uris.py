# SPDX-License-Identifier: GPL-3.0-or-later
"""SIP URIs that an operator writes (RFC 3261 section 19.1), taken apart far enough to dial and to refuse."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

from agent.core.units import host_and_port

_USER = re.compile(r"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/#]|%[0-9A-Fa-f]{2})+", re.ASCII)
_PARAMETER = re.compile(r"[A-Za-z0-9\-_.!~*'()\[\]/:&+$%]+(?:=[A-Za-z0-9\-_.!~*'()\[\]/:&+$%]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class SipUri:
    """A ``sip:`` URI. ``host`` is an IP (IPv6 without brackets) or a name, ``port`` None when left to DNS."""

    text: str
    user: str
    host: str
    port: int | None
    transport: Literal["udp", "tcp", "tls"]


@lru_cache(maxsize=4096)
def sip_uri(text: str) -> SipUri:
    """Take ``sip:user@host:port;transport=tcp`` apart; the newest are remembered.

    Raises:
        ValueError: it is no such URI; one line says what would be right.
    """
    scheme, separator, rest = text.partition(":")
    if scheme.lower() == "sips":
        raise ValueError(f"{text!r}: sips is not used here, write sip:…;transport=tls")
    if not separator or scheme.lower() != "sip":
        raise ValueError(f"{text!r} is not a SIP URI: write sip:user@host:port")
    if "?" in rest.rpartition("@")[2]:
        raise ValueError(
            f"{text!r}: headers after ? are not used here: write them, User-to-User too, in "
            "voice_agent.headers or handoff.transfer_headers"
        )
    user, at, where = rest.rpartition("@")
    if at and not _USER.fullmatch(user):
        raise ValueError(f"{text!r} has no usable user part: write sip:user@host")
    host_port, *parameters = where.split(";")
    if not host_port:
        raise ValueError(f"{text!r} has no host: write sip:user@host:port")
    try:
        host, port = host_and_port(host_port)
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None
    return SipUri(text, user, host, port, _transport(text, parameters))


def _transport(text: str, parameters: list[str]) -> Literal["udp", "tcp", "tls"]:
    transport = "udp"
    for parameter in parameters:
        if not _PARAMETER.fullmatch(parameter):
            raise ValueError(f"{text!r}: {parameter!r} is not a URI parameter")
        name, _, value = parameter.partition("=")
        if name.lower() == "transport":
            transport = value.lower()
    if transport not in ("udp", "tcp", "tls"):
        raise ValueError(f"{text!r}: transport={transport} is not known, write udp, tcp or tls")
    return cast("Literal['udp', 'tcp', 'tls']", transport)
