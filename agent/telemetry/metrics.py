# SPDX-License-Identifier: GPL-3.0-or-later
"""Every metric of the agent, offered as verbs: callers say what happened and never touch a name or a label.

One `Metrics` is made per process and passed around; it owns its registry, so nothing is global and tests do
not see each other's counts. All verbs cost about a microsecond and are called on the loop thread.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Generic, Protocol, TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from agent.telemetry import buckets as within
from agent.telemetry.capacity import Capacity, Room
from agent.telemetry.closer_readings import CloserReadings
from agent.telemetry.readings import Readings
from agent.telemetry.series import Counter, Family, Gauge, Histogram, Together
from agent.telemetry.totals import Totals

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4

_OF_ALL: Final = "INVITE to our 200, all projects together"
_Child_co = TypeVar("_Child_co", covariant=True)
_Kept = TypeVar("_Kept")


class _Labelled(Protocol[_Child_co]):
    def labels(self, *labelvalues: str) -> _Child_co: ...


class _Children(dict[tuple[str, ...], _Kept], Generic[_Kept]):
    """The series of one metric by their label values: to be found without a call."""

    def __init__(self, parent: _Labelled[_Kept]) -> None:
        super().__init__()
        self._parent = parent

    def __missing__(self, values: tuple[str, ...]) -> _Kept:
        child = self[values] = self._parent.labels(*values)
        return child


class Metrics:
    """The agent's metrics. Times go in as seconds; label values are names of settings or core enums.

    Attributes:
        closer: what is read of captures, HEP and traces; who has them says where.
    """

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry(auto_describe=False)
        self._readings, self._capacity = Readings(), Capacity()
        registry.register(self._readings)
        registry.register(self._capacity)
        self.closer = CloserReadings(registry)
        ProcessCollector(registry=registry)
        self._families: list[Family] = list(self._readings.families())

        def counter(name: str, text: str, *labels: str) -> Counter:
            made = Counter(f"handoff_{name}", text, labels)
            self._families.append(made)
            return made

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            made = Gauge(f"handoff_{name}", text, labels)
            self._families.append(made)
            return made

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            made = Histogram(f"handoff_{name}", text, buckets, labels)
            self._families.append(made)
            return made

        self._calls_active = _Children(gauge("calls_active", "Calls that are up", "project"))
        self._calls = _Children(counter("calls", "Calls that ended, by how", "project", "end"))
        self._failed = _Children(counter("calls_failed", "Calls that failed, by why", "project", "reason"))
        setup = Histogram(
            "handoff_setup_seconds", "INVITE to our 200", within.SETUP, ["project"], shown=within.SETUP_SHOWN
        )
        self._setup = _Children(setup)
        self._families += [setup, Together("handoff_node_setup_seconds", _OF_ALL, within.SETUP, setup)]
        self._signals = _Children(
            counter("signals", "Signals settled, by outcome", "project", "moment", "outcome")
        )
        self._signal = _Children(histogram("signal_seconds", "Moment to accepted", within.SIGNAL, "moment"))
        self._signal_start = _Children(
            histogram("signal_start_seconds", "Moment to its first request going out", within.START, "moment")
        )
        self._webhooks = _Children(counter("webhooks", "Webhooks settled, by outcome", "project", "outcome"))
        self._transcripts = _Children(
            counter("transcripts", "Transcripts settled, by outcome", "project", "outcome")
        )
        self._api = _Children(
            counter("api_requests", "Answers of the handoff API", "project", "route", "status")
        )
        self._http_shed, self._log_ins = (
            _Children(counter("http_connections_shed", "HTTP connections that found no room", "listener")),
            _Children(
                counter("log_ins_refused", "Tokens shown to the operations listener in vain", "reason")
            ),
        )
        self._cut = _Children(counter("parameters_cut", "Signal parameters cut at their limit", "project"))
        self._tokens = _Children(counter("token_requests", "Log-ins at the issuer, by outcome", "outcome"))
        self._look_ups = _Children(counter("name_lookups", "Look-ups of host names, by outcome", "outcome"))
        self._media_return = _Children(
            histogram(
                "media_return_seconds", "Terminal moment to the caller given back", within.RETURN, "method"
            )
        )
        self._paths = _Children(
            counter("media_paths", "How audio went from leg to leg, at each change", "project", "path")
        )
        self._target_up = gauge("target_up", "1 while the voice agent's target answers", "project", "target")
        self._synthetic = _Children(
            counter("synthetic_calls", "Test calls to voice agents, by result", "project", "result")
        )
        self._synthetic_failures, self._synthetic_response = (
            gauge("synthetic_failures", "Test calls that failed in a row, up to the last one", "project"),
            gauge(
                "synthetic_response_seconds",
                "From the end of our speech to the voice agent's answer",
                "project",
            ),
        )
        self._packets_received = counter("rtp_packets_received", "RTP packets received")
        self._packets_lost = counter("rtp_packets_lost", "RTP packets lost")
        self._jitter = histogram("rtp_jitter_seconds", "Mean RTP jitter of a leg", within.JITTER)
        self._round_trip = histogram(
            "rtp_round_trip_seconds", "Mean round trip time to a leg's far end", within.ROUND_TRIP
        )
        self._reloads = _Children(counter("config_reloads", "Reloads of the configuration", "result"))
        self._kept_out = gauge(
            "config_kept_out", "1 while what is on disk is refused, or held until it is confirmed"
        )
        self._certificate_until = gauge(
            "certificate_expiry_timestamp_seconds", "When a listener's certificate expires", "certificate"
        )
        self._config_loaded = gauge(
            "config_loaded_timestamp_seconds", "When the configuration in force was loaded"
        )
        self._loop_lag = histogram("loop_lag_seconds", "How late the event loop ran a timer", within.LAG)
        self._dropped = counter("moments_dropped", "Calls of which nothing more is stored: too much waits")
        self._filed = counter("records_filed", "Calls written to a record file")
        self._record_files_fault = gauge(
            "record_files_fault", "1 while records of calls can't be written to files"
        )
        self._internal_errors = _Children(
            counter(
                "internal_errors", "Internal errors that were contained, by what they happened in", "where"
            )
        )

    # where readings come from

    def set_guard_reader(self, read: Callable[[], Mapping[str, int]]) -> None:
        """Let the guard's own counters (``result`` → INVITEs so far) be part of ``handoff_invites_total``."""
        self._readings.guard = read

    def set_names_reader(self, read: Callable[[], int]) -> None:
        """Take ``handoff_names_refused_total`` from the SIP stack."""
        self._readings.names = read

    def set_node_state_reader(self, read: Callable[[], str], states: Iterable[str] = ()) -> None:
        """Take ``handoff_node_state`` from the one place that holds it; ``states`` are all it may be in."""
        self._readings.node_state, self._readings.node_states = read, tuple(states)

    def set_pending_reader(self, read: Callable[[], int]) -> None:
        """Take ``handoff_signals_pending`` from the courier."""
        self._readings.pending = read

    def set_outbox_reader(self, read: Callable[[], Mapping[str, int]]) -> None:
        """Take ``handoff_outbox_pending`` from the courier: by channel, how many are not settled."""
        self._readings.outbox = read

    def set_credential_alarm_reader(self, read: Callable[[], Mapping[str, bool]]) -> None:
        """Take ``handoff_credential_alarm`` from the CXone client: by project, whether there is one."""
        self._readings.credential_alarms = read

    def set_failing_reader(self, read: Callable[[], Mapping[str, bool]]) -> None:
        """Take ``handoff_signals_failing`` from the CXone client: by project, whether signals fail."""
        self._readings.failing = read

    def set_room_reader(self, read: Callable[[], Room]) -> None:
        """Take the limits of the node, and what is taken of them, from the configuration and the stack."""
        self._capacity.read = read

    def set_oldest_reader(self, read: Callable[[], float]) -> None:
        """Take ``handoff_signals_oldest_seconds`` from the courier."""
        self._readings.oldest = read

    def set_storage_fault_reader(self, read: Callable[[], str | None]) -> None:
        """Take ``handoff_storage_fault`` from the store; a text means that it is faulty."""
        self._readings.storage_fault = read

    def set_owed_reader(self, read: Callable[[], int]) -> None:
        """Take ``handoff_moments_waiting`` from what calls owe to the storage."""
        self._readings.owed = read

    def set_task_reader(self, read: Callable[[], int]) -> None:
        """Take ``handoff_loop_tasks`` from the event loop: it shows leaks."""
        self._readings.tasks = read

    def set_log_reader(self, dropped: Callable[[], int]) -> None:
        """Take ``handoff_log_lines_dropped_total`` from the log."""
        self._readings.log_lines_dropped = dropped

    def set_native_readers(self, legs: Callable[[], int], native_calls: Callable[[], int]) -> None:
        """Take ``handoff_legs_active`` and ``handoff_native_calls`` from the SIP stack."""
        self._readings.legs, self._readings.native_calls = legs, native_calls

    # INVITEs and calls

    def invite_answered(self, project: str, result: str) -> None:
        """An INVITE got its final answer; ``result`` is a label of `agent.core.reasons.Reason`."""
        self._readings.invites[project, result] += 1

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

    def name_looked_up(self, outcome: str) -> None:
        """A name was looked up; ``outcome`` is a value of `agent.names.answers.LookUp`."""
        self._look_ups[outcome,].inc()

    # targets, configuration, loop

    def target_probed(self, project: str, target: str, *, up: bool) -> None:
        """A voice agent's target is known to be up or down."""
        self._target_up.labels(project, target).set(up)

    def synthetic_made(self, project: str, failures: int, response: float | None) -> None:
        """A test call was made; so many failed in a row up to it. `response` is in seconds, if known."""
        self._synthetic[project, "failed" if failures else "passed"].inc()
        self._synthetic_failures.labels(project).set(failures)
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
        self._synthetic_response.remove(project)

    def target_removed(self, project: str, target: str) -> None:
        """A reload removed a target: its last state must not stay in the metrics."""
        self._target_up.remove(project, target)

    def config_reloaded(self, result: str, *, kept_out: bool) -> None:
        """A reload ended as ``loaded``, ``unchanged``, ``refused`` or ``held``; the last two keep it out."""
        self._reloads[result,].inc()
        self._kept_out.set(kept_out)

    def certificate_loaded(self, name: str, until: float) -> None:
        """The certificate of ``sip.tls`` or ``http.tls`` expires then (seconds since the epoch)."""
        self._certificate_until.labels(name).set(until)

    def config_loaded(self, at: float) -> None:
        """A configuration came into force at this time (seconds since the epoch)."""
        self._config_loaded.set(at)

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
        return self._readings.invites.total()

    def totals(self) -> Totals:
        """What was counted since the start, by project."""
        totals = Totals(invites=Tally(self._readings.invites))
        for result, count in self._readings.guard().items():
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
