# SPDX-License-Identifier: GPL-3.0-or-later
"""agent.yaml, sip: where SIP is spoken."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from agent.core.model.base import Distinct, FilePath, Listed, Model, SipListen, Source, misplaced
from agent.core.units import Listen


def _public_address(value: str) -> str:
    try:
        parsed = ip_address(value)
    except ValueError:
        raise ValueError(f"{value!r} is not an IP address: write the address that carriers reach") from None
    if parsed.is_unspecified or parsed.is_multicast:
        raise ValueError(f"{value} can't be reached by anyone: write the address that carriers reach")
    return str(parsed)


class Tls(Model):
    """Certificates of the TLS listener and how peers are checked."""

    certificate: FilePath = Field(description="PEM file with our certificate and its chain.")
    private_key: FilePath = Field(description="PEM file with its private key.")
    ca: FilePath | None = Field(
        default=None, description="PEM file of the authorities that peers are checked against."
    )
    verify_peer: bool = Field(default=False, description="Refuse peers whose certificate does not check.")

    @model_validator(mode="after")
    def _peer_check_needs_authorities(self) -> Self:
        if self.verify_peer and self.ca is None:
            raise misplaced("verify_peer needs ca: name the PEM file of the authorities", "verify_peer")
        return self


class Sip(Model):
    """Where SIP is spoken."""

    listen: Annotated[tuple[SipListen, ...], Listed, Distinct] = Field(
        default=(Listen("udp", "0.0.0.0", 5060), Listen("tcp", "0.0.0.0", 5060)),
        min_length=1,
        description="Listeners: udp://, tcp:// or tls:// with an IP address and a port; IPv6 in brackets.",
    )
    public_address: Annotated[str, AfterValidator(_public_address)] | None = Field(
        default=None,
        description="The IP address in Contact, Via and SDP, when it differs from the one listened on.",
    )
    tls: Tls | None = Field(default=None, description="Needed when there is a tls:// listener.")
    trusted_proxies: Annotated[tuple[Source, ...], Listed] = Field(
        default=(),
        description="Addresses and networks (CIDR) of our own SIP proxies: the source of what they send is "
        "read from X-Handoff-Source.",
    )

    @model_validator(mode="after")
    def _tls_listener_needs_certificate(self) -> Self:
        for index, listener in enumerate(self.listen):
            if listener.transport == "tls" and self.tls is None:
                raise misplaced(f"{listener} needs tls: {{certificate: …, private_key: …}}", "listen", index)
        return self

    @model_validator(mode="after")
    def _public_address_fits_a_listener(self) -> Self:
        public = self.public_address
        if public is None or any((":" in public) is (":" in listener.host) for listener in self.listen):
            return self
        version, other = (6, 4) if ":" in public else (4, 6)
        raise misplaced(
            f"{public} is an IPv{version} address, and every listener is on IPv{other}: write one of the "
            "listeners' family",
            "public_address",
        )
