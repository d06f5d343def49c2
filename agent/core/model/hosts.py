# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts NICE's log-in and API may live on, so that no secret leaves for another."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

NICE_HOSTS = (
    "niceincontact.com",
    "nice-incontact.com",
    "nicecxone.com",
    "nicecxone-gov.com",
    "nicecxone-sov1.au",
    "nicecxone-sov1.eu",
)
"""NICE's domains; they and their sub-domains are allowed (global, FedRAMP, Australian and EU sovereign)."""


def is_loopback(host: str) -> bool:
    """Whether ``host`` (without brackets) is this machine by address or is ``localhost``."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"


def is_allowed_host(host: str, allow_hosts: Iterable[str] = ()) -> bool:
    """Whether ``host`` is one of NICE's domains or of ``allow_hosts``, or lies below one of them."""
    host = host.rstrip(".").lower()
    for allowed in (*NICE_HOSTS, *allow_hosts):
        domain = allowed.rstrip(".").lower()
        if host == domain or host.endswith("." + domain):
            return True
    return False


def check_nice_url(url: str, allow_hosts: Iterable[str] = ()) -> str:
    """Check that ``url`` may be given NICE's secrets: https on an allowed host, or http on loopback.

    Serves the issuer from the configuration and the endpoints that discovery returns.

    Returns:
        The URL without a slash at its end.

    Raises:
        ValueError: it may not; one line says what would be right.
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(f"{url!r} is not a URL: write https://cxone.niceincontact.com") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"{url!r} is not a URL: write https://cxone.niceincontact.com")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(f"{host}: a user, ? or # has no place in this URL, write https://{host}")
    if not is_loopback(host):
        if parts.scheme != "https":
            raise ValueError(f"{url!r} is not encrypted: write https (plain http is for loopback only)")
        if not is_allowed_host(host, allow_hosts):
            raise ValueError(
                f"{host} is not one of NICE's hosts: correct it, or name it in cxone.allow_hosts"
            )
    return url.rstrip("/")
