# SPDX-License-Identifier: GPL-3.0-or-later
"""Refer-To of a voice agent's REFER (RFC 3515): what it names, and whether that may be dialled.

What is dialled is the URI that was checked, never the text that came; and a text that two parsers could
read in two ways (a second @, a fragment, a password, maddr) is not dialled at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import unquote

from agent.core.headers import Message, address_of, is_list, user_part
from agent.core.soundness import unsound
from agent.core.units import SIP_PORTS, is_ip
from agent.core.uris import SipUri, sip_uri

_LONGEST = 500  # pjsip, as it is built here, takes none of 512 characters
_HEADERS_AT_MOST = 100
# Narrower than RFC 3261 section 25.1: no ? ; / # or : before the @, where others see the URI's end.
_SIP = re.compile(
    r"(?i:sip):(?:(?:[A-Za-z0-9\-_.!~*'()&=+$,]|%[0-9A-Fa-f]{2})+@)?[A-Za-z0-9.\-\[\]:]+"
    r"(?:;[A-Za-z0-9\-_.!~*'()\[\]/:&+$]+(?:=[A-Za-z0-9\-_.!~*'()\[\]/:&+$]+)?)*",
    re.ASCII,
)
_TEL = re.compile(r"(?i:tel):\+?[0-9A-Fa-f*#()\-.]+", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"]+", re.ASCII)
_ESCAPE = re.compile(r"%..")
_MISLEADING = re.compile(r"[^!-~]|[@<>\"?;:/\\%]", re.ASCII)  # what an escape in the user part may not hide
_NOT_KEPT = frozenset({"method", "ttl", "lr"})


@dataclass(frozen=True, slots=True)
class ReferTo:
    """One Refer-To header, taken apart.

    Attributes:
        uri: sip: or tel: URI without display name, embedded headers and what only concerns the request that
            it would make; ``""`` where it is none, or one that must not be dialled by anybody.
        user: its user part or number, URL-decoded; also of a URI that is not used.
        headers: those behind the ``?``, names and values URL-decoded (RFC 3261 section 19.1.1).
    """

    uri: str
    user: str
    headers: Message


def read_refer_to(value: str) -> ReferTo:
    """Take a Refer-To apart, with or without angle brackets. Never an error."""
    address, _, embedded = address_of(value).partition("?")
    pairs = (pair.partition("=") for pair in embedded.split("&", _HEADERS_AT_MOST)[:_HEADERS_AT_MOST])
    headers = tuple((unquote(name).strip().lower(), unquote(text)) for name, _, text in pairs if name)
    return ReferTo(_usable(address), unquote(user_part(address)), Message("", headers, ""))


def names_one(refer: Message) -> bool:
    """Whether a REFER has just one Refer-To, and a URI in it (RFC 3515 section 2.4.2); else it is 400.

    It asks for a subscription, so it names one Contact, as an INVITE does (RFC 3261 section 8.1.1.8).
    """
    values = refer.all("refer-to")
    if len(values) != 1 or is_list(values[0]) or unsound(refer) is not None:
        return False
    return _URI.fullmatch(address_of(values[0])) is not None


def allowed(refer_to: str, patterns: Iterable[str]) -> bool:
    """Whether a project lets the caller be sent there.

    The user must be the pattern's, or begin with it where a ``*`` follows; the host must be the pattern's in
    any case (an IP address in any spelling), or lie below it where ``*.`` leads. The port must be the
    pattern's; a pattern without port means the transport's default one. No tel: URI passes.

    Args:
        refer_to: `ReferTo.uri`; what is not in that form never passes.
        patterns: those of ``handoff.refer_to_allowed``.
    """
    uri = _sip(refer_to) if refer_to == _usable(refer_to) else None
    return uri is not None and any(_matches(uri, pattern) for pattern in patterns)


def _usable(address: str) -> str:
    if len(address) <= _LONGEST and _TEL.fullmatch(address.partition(";")[0]):
        return address.partition(";")[0]
    uri = _sip(address)
    if uri is None:
        return ""
    place, *parameters = uri.text.split(";")
    kept = (part for part in parameters if part.partition("=")[0].lower() not in _NOT_KEPT)
    return ";".join((place, *kept))


def _sip(text: str) -> SipUri | None:
    """The SIP URI, if everybody must read it in the same way."""
    if len(text) > _LONGEST or not _SIP.fullmatch(text):
        return None
    try:
        uri = sip_uri(text)
    except ValueError:
        return None
    names = [part.partition("=")[0].lower() for part in text.split(";")[1:]]
    if len(names) != len(set(names)) or "maddr" in names:  # maddr would lead elsewhere than the host says
        return None
    hidden = "".join(map(unquote, _ESCAPE.findall(uri.user)))
    return None if _MISLEADING.search(hidden) else uri


def _matches(uri: SipUri, pattern: str) -> bool:
    user, _, place = pattern.partition(":")[2].rpartition("@")
    host, port = _place(place)
    given, wanted = unquote(uri.user), unquote(user.removesuffix("*"))
    user_fits = given.startswith(wanted) if user.endswith("*") else given == wanted
    port_fits = uri.port == port if port else uri.port in (None, SIP_PORTS[uri.transport])
    return bool(given) and user_fits and port_fits and _host_fits(uri.host, host)


def _place(text: str) -> tuple[str, int | None]:
    """Host without brackets and port of a pattern, whose host may begin with ``*.``."""
    host, colon, port = text.rpartition(":")
    if colon and port.isdigit() and (host.endswith("]") or ":" not in host):
        return host.strip("[]"), int(port)
    return text.strip("[]"), None


def _host_fits(host: str, pattern: str) -> bool:
    if is_ip(host):
        return is_ip(pattern) and ip_address(host) == ip_address(pattern)
    if pattern.startswith("*."):
        return host.lower().endswith(pattern[1:].lower())
    return host.lower() == pattern.lower()
