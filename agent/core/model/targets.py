# SPDX-License-Identifier: GPL-3.0-or-later
"""SIP addresses that are dialled in turn, and how those that are down are found out."""

from __future__ import annotations

from pydantic import Field

from agent.core.model.base import Count, Duration, Model, SipTarget
from agent.core.uris import SipUri, sip_uri


class Target(Model):
    """One SIP address among several."""

    uri: SipTarget = Field(description="sip:user@host:port, with ;transport=tcp or tls if wanted.")
    priority: int = Field(
        default=1, ge=0, le=65535, description="Lower ones are tried first (as in RFC 2782)."
    )
    weight: int = Field(
        default=1, ge=1, le=65535, description="Share of the calls among targets of one priority."
    )

    nat: bool = Field(default=False, description="Its audio comes from behind NAT, as with nat of a carrier.")

    @property
    def address(self) -> SipUri:
        """The URI, taken apart."""
        return sip_uri(self.uri)


class Probe(Model):
    """OPTIONS sent to the targets, so that calls avoid those that are down."""

    every: Duration = Field(default=10.0, description="Time between two OPTIONS.")
    fail: Count = Field(default=3, description="So many without answer in a row: the target is down.")
    recover: Count = Field(default=2, description="So many answered in a row: it is up again.")
