# SPDX-License-Identifier: GPL-3.0-or-later
"""agent.yaml, media: audio."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from agent.core.model.base import Distinct, Listed, Model, Ports, Span
from agent.core.units import PortRange

Codec = Literal["PCMU", "PCMA", "G722", "opus"]
CODECS: tuple[Codec, ...] = ("PCMU", "PCMA", "G722", "opus")
"""The codecs that the SIP stack is built with, as SDP writes them (RFC 3551, RFC 7587)."""
Latch = Literal["strict", "once", "off"]
"""From whom RTP is taken."""
MediaMode = Literal["auto", "relay", "mix"]
PORTS_PER_CALL = 4
"""Two legs, each with a port for RTP and one for RTCP (RFC 3550 section 11)."""


def _codec(value: object) -> object:
    for codec in CODECS:
        if isinstance(value, str) and value.lower() == codec.lower():
            return codec
    raise ValueError(f"{value} is not a codec of this agent: choose from {', '.join(CODECS)}")


def _off(value: object) -> object:
    """``off`` for what YAML 1.1 reads an unquoted one as."""
    return "off" if value is False else value


class Media(Model):
    """Audio."""

    rtp_ports: Ports = Field(
        default=PortRange(20000, 27999),
        description="UDP ports for RTP and RTCP; a call takes four (two legs, each RTP and RTCP).",
    )
    codecs: Annotated[
        tuple[Annotated[Codec, BeforeValidator(_codec)], ...],
        Listed,
        Distinct,
    ] = Field(
        default=CODECS, min_length=1, description="Codecs offered and accepted, the preferred one first."
    )
    srtp: Literal["none", "optional", "required"] = Field(
        default="none", description="Encryption of audio (SDES, RFC 4568)."
    )
    latch: Annotated[Latch, BeforeValidator(_off)] = Field(
        default="strict",
        description="From whom RTP is taken: strict: from the host that the SDP names; once: another host is "
        "learned once, where the SDP's is silent; off: from anywhere, and ours goes where the SDP says.",
    )
    mode: MediaMode = Field(
        default="auto",
        description="How audio goes from leg to leg: auto: straight across where both have one codec (or "
        "G.711 of either law), clock rate and packet time, else through the mixer; relay: the same, with a "
        "warning in the log for each call that is mixed; mix: always through the mixer.",
    )
    silence_timeout: Span = Field(
        default=60.0,
        description="A leg without any RTP for so long has lost its media and the call ends; 0 switches "
        "this off.",
    )

    def latch_of(self, *, nat: bool) -> Latch:
        """From whom the RTP of one peer is taken: where it comes from behind NAT nobody says beforehand."""
        return "once" if nat and self.latch == "strict" else self.latch
