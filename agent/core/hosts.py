# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts may be trusted with a credential: NICE's own domains, the operator's additions, loopback.

A token, a secret or a parameter only ever goes to a URL that `allowed` has no objection to. That holds for
the issuer from the configuration as well as for every endpoint that a discovery document names, since such
a document is data from outside.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

NICE_DOMAINS: Final = (
    "niceincontact.com",
    "nice-incontact.com",
    "incontact.com",
    "nicecxone.com",
    "nicecxone-gov.com",
    "nicecxone-sov1.au",
    "nicecxone-sov1.eu",
)
"""Domains (with all below them) that NICE publishes as issuer, API or regional hosts (SDK, help pages)."""

_PLAIN: Final = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(/[A-Za-z0-9._~!$&'()*+,;=:@%/\-]*)?")
"""Only characters that every URL parser reads alike: where two disagree, there is a way around the list."""


def allowed(url: str, extra: Collection[str] = ()) -> str | None:
    """Say what speaks against sending a credential to a URL.

    Args:
        url: an absolute base URL, such as an issuer or an ``api_endpoint``.
        extra: hosts that the operator allows besides NICE's: a name stands for that host alone,
            ``*.example.net`` for every host below ``example.net``.

    Returns:
        None when nothing does, or an objection in one line that says what would be right. It names the host
        at most, never a path or user part, so it may be logged.
    """
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return "not a URL; give one such as https://cxone.niceincontact.com"
    if "@" in parts.netloc:
        return "a URL with a user or password in it is not accepted"
    if not host or _PLAIN.fullmatch(url) is None:
        return "not a plain http(s) URL without query or fragment, such as https://cxone.niceincontact.com"
    return _objection(parts, host, extra)


def loopback(host: str) -> bool:
    """Whether a host name or address (without brackets) surely is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _objection(parts: SplitResult, host: str, extra: Collection[str]) -> str | None:
    if loopback(host):
        return None
    if parts.scheme != "https":
        return f"{host} must be reached by https (plain http is for loopback addresses only)"
    if any(host == domain or host.endswith("." + domain) for domain in NICE_DOMAINS):
        return None
    if any(_covers(entry.lower(), host) for entry in extra):
        return None
    return f"{host} is not one of NICE's hosts; if it is right, add it to cxone.allow_hosts"


def _covers(entry: str, host: str) -> bool:
    if entry.startswith("*."):
        return host.endswith(entry[1:]) and len(entry) > len("*.")
    return host == entry
