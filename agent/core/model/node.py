# SPDX-License-Identifier: GPL-3.0-or-later
"""agent.yaml: what this node is, where it listens, and its limits."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    model_validator,
)

from agent.core.model.access import OperationsAuth, objection
from agent.core.model.base import (
    REFERENCES_ONLY,
    Count,
    Duration,
    FilePath,
    HttpAddress,
    Listed,
    Model,
    Name,
    Ports,
    Resolved,
    SipListen,
    Source,
    Span,
    Text,
    misplaced,
)
from agent.core.model.capture import CaptureSettings
from agent.core.model.fleet import Fleet
from agent.core.model.hep import Hep
from agent.core.model.log import Log
from agent.core.model.record_files import RecordFiles
from agent.core.model.share import Share
from agent.core.model.traces import Traces
from agent.core.units import Address, Listen, PortRange, bracketed, host_and_port, is_ip

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


def _distinct(values: tuple[object, ...]) -> tuple[object, ...]:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise ValueError(f"{value} is listed twice: leave one out")
    return values


def _public_address(value: str) -> str:
    try:
        parsed = ip_address(value)
    except ValueError:
        raise ValueError(f"{value!r} is not an IP address: write the address that carriers reach") from None
    if parsed.is_unspecified or parsed.is_multicast:
        raise ValueError(f"{value} can't be reached by anyone: write the address that carriers reach")
    return str(parsed)


def _password_referred_to(value: object, info: ValidationInfo) -> object:
    """Before it becomes a plain text, which no longer says that it was referred to."""
    in_files = (info.context or {}).get(REFERENCES_ONLY)
    if in_files and isinstance(value, str) and not isinstance(value, Resolved):
        scheme, _, rest = value.partition("://")
        if scheme == "postgresql" and ":" in rest.rpartition("@")[0]:
            raise ValueError(
                "a password is never written in: put the whole value in ${env:NAME} or ${file:/path}"
            )
    return value


def _storage(value: str) -> str:
    scheme, separator, rest = value.partition("://")
    shown = repr(scheme if rest else value) if "@" not in scheme else "this"  # it may have a password
    if not separator or not rest or scheme not in ("sqlite", "postgresql"):
        raise ValueError(
            f"{shown} is not a storage: write sqlite:// and a path "
            "(sqlite:///var/lib/handoff-agent/agent.db), or postgresql://host/database"
        )
    if scheme == "sqlite" and rest.endswith("/"):
        raise ValueError("sqlite:// needs a file name: write sqlite:///var/lib/handoff-agent/agent.db")
    return value


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

    listen: Annotated[tuple[SipListen, ...], Listed, AfterValidator(_distinct)] = Field(
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


class Media(Model):
    """Audio."""

    rtp_ports: Ports = Field(
        default=PortRange(20000, 27999),
        description="UDP ports for RTP and RTCP; a call takes four (two legs, each RTP and RTCP).",
    )
    codecs: Annotated[
        tuple[Annotated[Codec, BeforeValidator(_codec)], ...],
        Listed,
        AfterValidator(_distinct),
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


class Limits(Model):
    """What this node takes on; more is refused with 503 and Retry-After."""

    calls: Count = Field(default=1000, description="Calls up at the same time.")
    calls_per_second: Count = Field(default=150, description="New calls in a second.")
    ring: Duration = Field(
        default=30.0,
        description="How long voice agents may ring, all targets of a call together; likewise the targets "
        "that a caller goes back to.",
    )
    duration: Duration = Field(default=14400.0, description="The longest call.")


class HttpTls(Model):
    """Certificate of the handoff API's listener."""

    certificate: FilePath = Field(description="PEM file with our certificate and its chain.")
    private_key: FilePath = Field(description="PEM file with its private key.")


def _origin(value: str) -> str:
    url = urlsplit(value)
    if url.scheme not in ("http", "https") or not url.hostname or value != f"{url.scheme}://{url.netloc}":
        raise ValueError(f"{value!r} is no origin: write https://desktop.example.org, nothing after the host")
    return value


class Http(Model):
    """HTTP listeners."""

    api: HttpAddress = Field(default=Address("0.0.0.0", 8080), description="Handoff API for voice agents.")
    operations: HttpAddress = Field(
        default=Address("127.0.0.1", 8081),
        description="Health, metrics, control and console. Without operations_auth it must be loopback.",
    )
    operations_auth: OperationsAuth | None = Field(
        default=None,
        description="Who may ask the operations listener; without it whoever reaches it is an operator.",
    )
    tls: HttpTls | None = Field(default=None, description="Serve the handoff API over TLS.")
    origins: Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], Listed] = Field(
        default=(),
        description="Origins of desktop pages that may read the handoff API (CORS): https://host[:port].",
    )

    operations_hosts: Annotated[tuple[Text, ...], Listed] = Field(
        default=(),
        description="Names by which the operations listener may be asked (Host header), beside localhost and "
        "the address that a request comes to: those of a proxy or a service. Others get 421.",
    )
    connections: Count = Field(
        default=1000, description="Connections to the handoff API at the same time; more get 503."
    )
    connections_per_address: Count = Field(
        default=500,
        description="Of them those of one address (of IPv6: of one /64 network). The operations listener "
        "takes 128, 64 of one address.",
    )

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.api == self.operations:
            raise misplaced(f"api and operations both listen on {self.api}: give each its own", "operations")
        return self

    @model_validator(mode="after")
    def _operations_have_a_log_in(self) -> Self:
        objects = objection(self.operations, self.operations_auth)
        if objects is not None:
            raise misplaced(objects, "operations")
        return self


def _name_server(value: str) -> str:
    host, port = host_and_port(f"[{value}]" if ":" in value and is_ip(value) else value)
    if not is_ip(host):
        raise ValueError(f"{host!r} is not an IP address: a name server is asked by address")
    return bracketed(host) if port is None else str(Address(host, port))


class Dns(Model):
    """How host names are looked up."""

    servers: Annotated[tuple[Annotated[str, AfterValidator(_name_server)], ...], Listed] = Field(
        default=(),
        description="Name servers to ask: 10.0.0.53 or 10.0.0.53:5353. Without them the system's "
        "(/etc/resolv.conf), as they are at the time. /etc/hosts counts in any case.",
    )


class Retention(Model):
    """How long the record is kept. Calls that are over go with all that belongs to them, in small steps."""

    days: Count = Field(default=30, description="Calls that ended longer ago than this are deleted.")
    calls: Count = Field(
        default=1_000_000,
        description="Of the others about so many are kept, the newest; this bounds the size of the database "
        "(1 to 2 kB a call).",
    )


class Agent(Model):
    """agent.yaml."""

    node: Name = Field(
        description="Name of this node, unique among its neighbours; in records, logs and metrics."
    )
    sip: Sip = Field(default=Sip(), description="SIP listeners.")
    media: Media = Field(default=Media(), description="Audio.")
    limits: Limits = Field(default=Limits(), description="What this node takes on.")
    http: Http = Field(default=Http(), description="HTTP listeners.")
    dns: Dns = Field(default=Dns(), description="Look-ups of host names.")
    storage: Annotated[Text, BeforeValidator(_password_referred_to), AfterValidator(_storage)] = Field(
        default="sqlite:///var/lib/handoff-agent/agent.db",
        description="Where calls, handoffs and signals are recorded: sqlite:// and a path (a relative "
        "one starts at "
        "the configuration folder), or postgresql://…, which several nodes may share: the work of one that "
        "dies is taken over by the others within some 15 s.",
    )
    retention: Retention = Field(default=Retention(), description="How long the record is kept.")
    records: RecordFiles | None = Field(
        default=None, description="A line of JSON for each call that is over; no file is written when absent."
    )
    log: Log = Field(default=Log(), description="Logging.")
    audit: FilePath | None = Field(
        default=None,
        description="File that keeps who changed what (JSON lines, at most 2 MiB). Without it one beside the "
        "SQLite database; with PostgreSQL only the log has it.",
    )
    capture: CaptureSettings | None = Field(
        default=None, description="Captures of SIP and RTP that operators start; none may be when absent."
    )
    hep: Hep | None = Field(default=None, description="SIP messages as HEP3 to a Homer; none when absent.")
    traces: Traces | None = Field(
        default=None, description="A trace of each call to an OpenTelemetry collector; none when absent."
    )
    fleet: Fleet | None = Field(
        default=None,
        description="The nodes behind one front (deploy/kamailio), the same list on each of them.",
    )
    reload_guard: Share = Field(
        default=0.5,
        description="How much of the number map a reload may take away unasked; one that takes more stays "
        "out until it is confirmed (handoff-agent reload --yes). off: all of it.",
    )

    @model_validator(mode="after")
    def _ports_for_all_calls(self) -> Self:
        ports, calls = self.media.rtp_ports, self.limits.calls
        if ports.count < calls * PORTS_PER_CALL:
            raise misplaced(
                f"{calls} calls need {calls * PORTS_PER_CALL} RTP ports, four a call, but media.rtp_ports "
                f"{ports} has {ports.count}: widen it, or set limits.calls to "
                f"{ports.count // PORTS_PER_CALL}",
                *(("limits", "calls") if "calls" in self.limits.model_fields_set else ("media", "rtp_ports")),
            )
        return self

    @model_validator(mode="after")
    def _sip_outside_of_rtp(self) -> Self:
        ports = self.media.rtp_ports
        for index, listener in enumerate(self.sip.listen):
            if listener.transport == "udp" and ports.low <= listener.port <= ports.high:
                raise misplaced(
                    f"{listener} lies in media.rtp_ports {ports}: move one of them", "sip", "listen", index
                )
        return self

    @property
    def audit_file(self) -> Path | None:
        """Where deeds of operators are kept; None for the log alone."""
        if self.audit is not None or self.database is None:
            return self.audit
        return self.database.with_name(f"{self.database.name}.audit.jsonl")

    @property
    def database(self) -> Path | None:
        """The SQLite file, None when records are kept elsewhere."""
        scheme, _, rest = self.storage.partition("://")
        return Path(rest) if scheme == "sqlite" else None
