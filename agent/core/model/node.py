# SPDX-License-Identifier: GPL-3.0-or-later
"""agent.yaml: what this node is, where it listens, and its limits."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from agent.core.model.base import Count, Duration, FilePath, Model, Name, misplaced
from agent.core.model.capture import CaptureSettings
from agent.core.model.dns import Dns
from agent.core.model.fleet import Fleet
from agent.core.model.hep import Hep
from agent.core.model.http import Http
from agent.core.model.instances import Instances
from agent.core.model.log import Log
from agent.core.model.media import PORTS_PER_CALL, Media
from agent.core.model.record_files import RecordFiles
from agent.core.model.share import Share
from agent.core.model.sip import Sip
from agent.core.model.storage import Retention, Storage
from agent.core.model.traces import Traces


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
    storage: Storage = Field(
        default="sqlite:///var/lib/handoff-agent/agent.db",
        description="Where calls, handoffs and signals are recorded: sqlite:// and a path (a relative "
        "one starts at "
        "the configuration folder), or postgresql://…, which several nodes may share: the work of one that "
        "dies is taken over by the others within some 15 s. A primary and its standbys: "
        "postgresql://one:5432,two:5432/database?target_session_attrs=read-write.",
    )
    retention: Retention = Field(default=Retention(), description="How long the record is kept.")
    records: RecordFiles | None = Field(
        default=None, description="A line of JSON for each call that is over; no file is written when absent."
    )
    log: Log = Field(default=Log(), description="Logging.")
    audit: FilePath | None = Field(
        default=None,
        description="File that keeps who changed what (JSON lines, at most 2 MiB); beside it another, "
        "NAME.reloads.jsonl, keeps what became of reloads. Without it they lie beside the SQLite database; "
        "with PostgreSQL only the log has them.",
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
    instances: Instances | None = Field(
        default=None,
        description="Several agents of this folder on this host, each with a name, ports and files of its "
        "own (docs/deploy.md); one agent when absent.",
    )
    reload_guard: Share = Field(
        default=0.5,
        description="How much of the number map a reload may take away unasked; one that takes more stays "
        "out until it is confirmed (handoff-agent reload --yes). off: all of it.",
    )

    reload_on_edit: bool = Field(
        default=True,
        description="Whether an edit of the files comes into force by itself. false: it waits for "
        "handoff-agent reload, SIGHUP or handoff-agent rollout, and so do renewed certificates.",
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
    def reloads_file(self) -> Path | None:
        """Where what became of reloads is kept, beside the deeds; None for memory alone."""
        deeds = self.audit_file
        return None if deeds is None else deeds.with_name(f"{deeds.stem}.reloads.jsonl")

    @property
    def database(self) -> Path | None:
        """The SQLite file, None when records are kept elsewhere."""
        scheme, _, rest = self.storage.partition("://")
        return Path(rest) if scheme == "sqlite" else None
