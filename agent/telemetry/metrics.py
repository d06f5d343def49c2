# SPDX-License-Identifier: GPL-3.0-or-later
"""Every metric of the agent, offered as verbs: callers say what happened and never touch a name or a label.

One `Metrics` is made per process and passed around; it owns its registry, so nothing is global and tests do
not see each other's counts. All verbs cost about a microsecond and are called on the loop thread.
"""

from __future__ import annotations

from collections import Counter as Tally
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from agent.core.replication import Replication
from agent.telemetry.capacity import Capacity
from agent.telemetry.catalogue import Catalogue
from agent.telemetry.closer_readings import CloserReadings
from agent.telemetry.families import Families
from agent.telemetry.readings import Readings
from agent.telemetry.replication import ReplicationReadings
from agent.telemetry.totals import Totals

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4


class Metrics(Catalogue):
    """The agent's metrics. Times go in as seconds; label values are names of settings or core enums.

    Attributes:
        readings: what is read of the parts at each scrape; who has them says where.
        capacity: the same of the limits, and what is taken of them.
        replication: the same of the shared database.
        closer: the same of captures, HEP and traces.
    """

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry(auto_describe=False)
        self.readings, self.capacity = Readings(), Capacity()
        registry.register(self.readings)
        registry.register(self.capacity)
        self.replication = ReplicationReadings()
        registry.register(self.replication)
        self.closer = CloserReadings(registry)
        ProcessCollector(registry=registry)
        super().__init__(Families(self.readings.families()))

    # INVITEs and calls

    def invite_answered(self, project: str, result: str) -> None:
        """An INVITE got its final answer; ``result`` is a label of `agent.core.reasons.Reason`."""
        self.readings.invites[project, result] += 1

    def call_started(self, project: str) -> None:
        """A call was admitted and recorded."""
        self._calls_active[project,].inc()

    def call_answered(self, project: str, seconds: float) -> None:
        """Our 200 left, `seconds` after the INVITE arrived."""
        self._setup[project,].observe(seconds)

    def call_ended(self, project: str, end: str, reason: str = "") -> None:
        """A call that had started is over.

        ``end`` is a value of `agent.core.reasons.End`, ``reason`` one of `Reason` where the call failed.
        """
        self._calls_active[project,].dec()
        self._calls[project, end].inc()
        if reason:
            self._failed[project, reason].inc()

    def media_returned(self, method: str, seconds: float) -> None:
        """The caller's media went back to CXone, `seconds` after the terminal moment."""
        self._media_return[method,].observe(seconds)

    def audio_carried(self, project: str, path: str) -> None:
        """A call's audio goes this way from now on: ``relay`` or ``mix``."""
        self._paths[project, path].inc()

    def rtp_measured(
        self, packets_received: int, packets_lost: int, jitter: float, round_trip: float | None
    ) -> None:
        """A leg is over: RTP packets received and lost; mean jitter and round trip (if known) in seconds."""
        self._packets_received.inc(packets_received)
        self._packets_lost.inc(packets_lost)
        self._jitter.observe(jitter)
        if round_trip is not None:
            self._round_trip.observe(round_trip)

    def leg_rated(self, side: str, mos: float) -> None:
        """A leg of a call is over on this side, and this is the MOS estimate for what came on it."""
        self._mos[side,].observe(mos)

    # signals

    def signal_started(self, moment: str, seconds: float) -> None:
        """The first request of a signal goes out, `seconds` after its moment."""
        self._signal_start[moment,].observe(seconds)

    def signal_settled(self, project: str, moment: str, outcome: str, seconds: float) -> None:
        """A signal reached a final state, `seconds` after its moment; ``outcome`` tells 404 from 400."""
        self._signals[project, moment, outcome].inc()
        if outcome == "accepted":
            self._signal[moment,].observe(seconds)

    def webhook_settled(self, project: str, outcome: str) -> None:
        """A webhook reached a final state."""
        self._webhooks[project, outcome].inc()

    def transcript_settled(self, project: str, outcome: str) -> None:
        """A transcript reached a final state."""
        self._transcripts[project, outcome].inc()

    def api_answered(self, project: str, route: str, status: int) -> None:
        """The handoff API answered; ``project`` and ``route`` are empty where they are not known."""
        self._api[project, route, str(status)].inc()

    def http_shed(self, listener: str) -> None:
        """A connection to a listener (``api``, ``operations``) found no room, and was told so."""
        self._http_shed[listener,].inc()

    def node_asked(self, listener: str, outcome: str) -> None:
        """Another node's ``api`` or ``operations`` was to be asked; see `agent.core.neighbours.Fate`."""
        self._node_requests[listener, outcome].inc()

    def log_in_refused(self, reason: str) -> None:
        """A token was shown to the operations listener in vain (``unknown``, ``too_many``)."""
        self._log_ins[reason,].inc()

    def parameters_cut(self, project: str, count: int) -> None:
        """`count` parameters of a signal were longer than their limit and were cut."""
        self._cut[project,].inc(count)

    def token_requested(self, outcome: str) -> None:
        """A token request at the issuer ended."""
        self._tokens[outcome,].inc()

    def moment_dropped(self) -> None:
        """Too much waits for the storage: nothing more is stored of a call, which stays up on disk."""
        self._dropped.inc()

    def records_filed(self, count: int) -> None:
        """So many calls that are over were written to a record file."""
        self._filed.inc(count)

    def record_files_faulty(self, *, faulty: bool) -> None:
        """Whether records of calls can't be written to files just now."""
        self._record_files_fault.set(faulty)

    def database_looked_at(self, found: Replication) -> None:
        """A look at the shared database has found this."""
        self.replication.found = found

    def name_looked_up(self, outcome: str) -> None:
        """A name was looked up; ``outcome`` is a value of `agent.names.answers.LookUp`."""
        self._look_ups[outcome,].inc()

    # targets, configuration, loop

    def target_probed(self, project: str, target: str, *, up: bool) -> None:
        """A voice agent's target is known to be up or down."""
        self._target_up.labels(project, target).set(up)

    def synthetic_made(
        self, project: str, result: str, failures: int, unclear: int, response: float | None
    ) -> None:
        """A test call was made: its `result`, and how many failed or were unclear since one passed.

        `response` is in seconds, if known.
        """
        self._synthetic[project, result].inc()
        self._synthetic_failures.labels(project).set(failures)
        self._synthetic_unclear.labels(project).set(unclear)
        if response is None:
            self._synthetic_response.remove(project)
        else:
            self._synthetic_response.labels(project).set(response)

    def synthetic_not_made(self, project: str) -> None:
        """A test call could not be made, for a reason of this machine's."""
        self._synthetic[project, "not_made"].inc()

    def synthetic_removed(self, project: str) -> None:
        """A project has no test calls any more."""
        self._synthetic_failures.remove(project)
        self._synthetic_unclear.remove(project)
        self._synthetic_response.remove(project)

    def target_removed(self, project: str, target: str) -> None:
        """A reload removed a target: its last state must not stay in the metrics."""
        self._target_up.remove(project, target)

    def config_reloaded(self, result: str, *, kept_out: bool) -> None:
        """A reload ended as ``loaded``, ``unchanged``, ``refused``, ``held``, ``back``: these keep it out."""
        self._reloads[result,].inc()
        self._kept_out.set(kept_out)

    def certificate_loaded(self, name: str, until: float) -> None:
        """The certificate of ``sip.tls`` or ``http.tls`` expires then (seconds since the epoch)."""
        self._certificate_until.labels(name).set(until)

    def config_loaded(self, at: float, fingerprint: str) -> None:
        """A configuration with this fingerprint came into force at this time (seconds since the epoch)."""
        self._config_loaded.set(at)
        self._fingerprint.remove(self._fingerprinted)
        self._fingerprint.labels(fingerprint).set(1)
        self._fingerprinted = fingerprint

    def fleet_listed(self, nodes: int) -> None:
        """``fleet.nodes`` of what came into force lists so many."""
        self._fleet_nodes.set(nodes)

    def loop_lagged(self, seconds: float) -> None:
        """A timer of the event loop ran `seconds` late."""
        self._loop_lag.observe(seconds)

    def internal_error(self, where: str) -> None:
        """An internal error was contained; ``where`` is one of a few words of ours."""
        self._internal_errors[where,].inc()

    # what was counted

    @property
    def invites(self) -> int:
        """INVITEs that Python gave their final answer since the start."""
        return self.readings.invites.total()

    def totals(self) -> Totals:
        """What was counted since the start, by project."""
        totals = Totals(invites=Tally(self.readings.invites))
        for result, count in self.readings.guard().items():
            totals.invites["", result] += count
        for (project, end), calls in self._calls.items():
            totals.ends[project, end] += int(calls.value)
        for (project, _moment, outcome), signals in self._signals.items():
            totals.signals[project, outcome] += int(signals.value)
        return totals

    def render(self) -> tuple[bytes, str]:
        """All of it in Prometheus' text format, and its content type."""
        many = "".join(line for family in self._families for line in family.lines())
        return generate_latest(self._registry) + many.encode(), CONTENT_TYPE
