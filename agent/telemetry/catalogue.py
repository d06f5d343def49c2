# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics that are counted, each with its help, labels and buckets; `Metrics` moves them."""

from __future__ import annotations

from typing import Final

from agent.telemetry import buckets as within
from agent.telemetry.families import Children, Families
from agent.telemetry.series import Histogram, Together

_OF_ALL: Final = "INVITE to our 200, all projects together"


class Catalogue:
    """All of them.

    Args:
        make: makes each, and has those that are read elsewhere already.
    """

    def __init__(self, make: Families) -> None:
        self._families = make
        self._make_those_of_calls(make)
        self._make_those_of_audio(make)
        self._make_those_of_deliveries(make)
        self._make_those_of_voice_agents(make)
        self._make_those_of_the_node(make)

    def _make_those_of_calls(self, make: Families) -> None:
        self._calls_active = Children(make.gauge("calls_active", "Calls that are up", "project"))
        self._calls = make.counters("calls", "Calls that ended, by how", "project", "end")
        self._failed = make.counters("calls_failed", "Calls that failed, by why", "project", "reason")
        setup = Histogram(
            "handoff_setup_seconds", "INVITE to our 200", within.SETUP, ["project"], shown=within.SETUP_SHOWN
        )
        self._setup = Children(setup)
        make += [setup, Together("handoff_node_setup_seconds", _OF_ALL, within.SETUP, setup)]
        self._media_return = make.histograms(
            "media_return_seconds", "Terminal moment to the caller given back", within.RETURN, "method"
        )

    def _make_those_of_audio(self, make: Families) -> None:
        self._paths = make.counters(
            "media_paths", "How audio went from leg to leg, at each change", "project", "path"
        )
        self._packets_received = make.counter("rtp_packets_received", "RTP packets received")
        self._packets_lost = make.counter("rtp_packets_lost", "RTP packets lost")
        self._jitter = make.histogram("rtp_jitter_seconds", "Mean RTP jitter of a leg", within.JITTER)
        self._round_trip = make.histogram(
            "rtp_round_trip_seconds", "Mean round trip time to a leg's far end", within.ROUND_TRIP
        )
        self._mos = make.histograms("call_mos", "Listening quality of a leg by estimate", within.MOS, "leg")

    def _make_those_of_deliveries(self, make: Families) -> None:
        self._signals = make.counters(
            "signals", "Signals settled, by outcome", "project", "moment", "outcome"
        )
        self._signal = make.histograms("signal_seconds", "Moment to accepted", within.SIGNAL, "moment")
        self._signal_start = make.histograms(
            "signal_start_seconds", "Moment to its first request going out", within.START, "moment"
        )
        self._cut = make.counters("parameters_cut", "Signal parameters cut at their limit", "project")
        self._webhooks = make.counters("webhooks", "Webhooks settled, by outcome", "project", "outcome")
        self._transcripts = make.counters(
            "transcripts", "Transcripts settled, by outcome", "project", "outcome"
        )
        self._tokens = make.counters("token_requests", "Log-ins at the issuer, by outcome", "outcome")
        self._api = make.counters("api_requests", "Answers of the handoff API", "project", "route", "status")
        self._http_shed = make.counters(
            "http_connections_shed", "HTTP connections that found no room", "listener"
        )
        self._node_requests = make.counters(
            "node_requests", "Requests for another node of the fleet", "listener", "outcome"
        )
        self._log_ins = make.counters(
            "log_ins_refused", "Tokens shown to the operations listener in vain", "reason"
        )

    def _make_those_of_voice_agents(self, make: Families) -> None:
        self._target_up = make.gauge(
            "target_up", "1 while the voice agent's target answers", "project", "target"
        )
        self._synthetic = make.counters(
            "synthetic_calls", "Test calls to voice agents, by result", "project", "result"
        )
        self._synthetic_failures = make.gauge(
            "synthetic_failures", "Test calls that failed since one passed", "project"
        )
        self._synthetic_unclear = make.gauge(
            "synthetic_unclear", "Test calls since one passed that told nothing", "project"
        )
        self._synthetic_response = make.gauge(
            "synthetic_response_seconds", "From the end of our speech to the voice agent's answer", "project"
        )

    def _make_those_of_the_node(self, make: Families) -> None:
        self._look_ups = make.counters("name_lookups", "Look-ups of host names, by outcome", "outcome")
        self._reloads = make.counters("config_reloads", "Reloads of the configuration", "result")
        self._kept_out = make.gauge(
            "config_kept_out", "1 while what is on disk is refused, taken back, or held until it is confirmed"
        )
        self._config_loaded = make.gauge(
            "config_loaded_timestamp_seconds", "When the configuration in force was loaded"
        )
        self._fingerprint = make.gauge(
            "config_fingerprint", "1 for what is in force and shared with other nodes", "fingerprint"
        )
        self._fingerprinted = ""
        self._fleet_nodes = make.gauge("fleet_nodes", "Nodes that fleet.nodes lists; 0 without a fleet")
        self._certificate_until = make.gauge(
            "certificate_expiry_timestamp_seconds", "When a listener's certificate expires", "certificate"
        )
        self._loop_lag = make.histogram("loop_lag_seconds", "How late the event loop ran a timer", within.LAG)
        self._dropped = make.counter(
            "moments_dropped", "Calls of which nothing more is stored: too much waits"
        )
        self._filed = make.counter("records_filed", "Calls written to a record file")
        self._record_files_fault = make.gauge(
            "record_files_fault", "1 while records of calls can't be written to files"
        )
        self._internal_errors = make.counters(
            "internal_errors", "Internal errors that were contained, by what they happened in", "where"
        )
