#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the dashboards beside it: ``deploy/grafana/make.py``. Edit this, not the JSON.

The queries use the recording rules of deploy/prometheus/recording.yaml.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
sys.path.insert(0, str(HERE))

from panels import Panel, Text, asked, dashboard, variable  # noqa: E402 - its folder is known only now

_EVERY: Final = "$__rate_interval"
_INSTANCES: Final = variable("instance", "Node", "label_values(handoff_node_info, instance)")
_INSTANCE: Final = variable("instance", "Node", "label_values(handoff_node_info, instance)", several=False)
_PROJECT: Final = variable("project", "Project", "label_values(handoff_signals_failing, project)")
_CONSOLE: Final = asked("console", "Console", "http://127.0.0.1:8081")
_CALL: Final = asked("call", "Call id, contact id or SIP Call-ID", "")
_AT: Final = 'instance=~"$instance"'
_NAMED: Final = "on (job, instance) group_left (node, version)"
_FIRING: Final = 'alertstate="firing", alertname=~"Handoff.*"'
_OF: Final = 'instance=~"$instance", project=~"$project"'


_LOST: Final = f"rate(handoff_rtp_packets_lost_total{{{_AT}}}[{_EVERY}])"
_RECEIVED: Final = f"rate(handoff_rtp_packets_received_total{{{_AT}}}[{_EVERY}])"


def _quantile(share: float, metric: str, labels: str, by: str = "") -> str:
    grouped = ", ".join(filter(None, (by, "le")))
    return f"histogram_quantile({share}, sum by ({grouped}) (rate({metric}_bucket{{{labels}}}[{_EVERY}])))"


def _rate(metric: str, labels: str, by: str) -> str:
    return f"sum by ({by}) (rate({metric}{{{labels}}}[{_EVERY}]))"


def _or_none(metric: str, labels: str) -> str:
    """By outcome; a plain nought where nothing has happened."""
    return f'{_rate(metric, labels, "outcome")} or label_replace(vector(0), "outcome", "none", "", "")'


def fleet() -> dict[str, Any]:
    """All nodes."""
    return dashboard(
        "handoff-fleet",
        "handoff-agent: fleet",
        "All nodes: do they take calls, what becomes of the calls, are the scripts told?",
        [_INSTANCES],
        Panel(
            "Nodes that take calls",
            "a count",
            "In state ready or degraded.",
            [(f'sum(handoff_node_state{{{_AT}, state=~"ready|degraded"}})', "nodes")],
            "stat",
            4,
        ),
        Panel(
            "Nodes that Prometheus reads",
            "a count",
            "Scraped just now; compare with how many there should be.",
            [('sum(up{job="handoff-agent"})', "nodes")],
            "stat",
            4,
        ),
        Panel(
            "Calls up",
            "calls",
            "All nodes together, ringing ones included.",
            [(f"sum(handoff_calls_active{{{_AT}}})", "calls")],
            "stat",
            4,
        ),
        Panel(
            "Room for calls that is taken",
            "share",
            "Calls up, of all that limits.calls of the nodes allow.",
            [(f"sum(handoff_calls_active{{{_AT}}}) / sum(handoff_calls_limit{{{_AT}}})", "taken")],
            "stat",
            4,
        ),
        Panel(
            "Signals that wait",
            "a count",
            "Recorded or on the wire, and not settled yet.",
            [(f"sum(handoff_signals_pending{{{_AT}}})", "signals")],
            "stat",
            4,
        ),
        Panel(
            "Projects without signals",
            "a count",
            "Whose signals do not get through to NICE, whatever the reason.",
            [(f"sum(max by (project) (handoff_signals_failing{{{_AT}}}))", "projects")],
            "stat",
            4,
        ),
        Panel(
            "Alerts that fire",
            "a count",
            "docs/operations.md has a section for each.",
            [
                (f"sum by (alertname, severity, instance) (ALERTS{{{_FIRING}}})", ""),
            ],
            "table",
            12,
        ),
        Panel(
            "State of each node",
            "yes or no",
            "The state that OPTIONS, /readyz and systemd tell too, with name and version.",
            [
                (f"handoff_node_state{{{_AT}}} * {_NAMED} handoff_node_info{{{_AT}}} == 1", ""),
            ],
            "table",
            12,
        ),
        Panel(
            "INVITEs by what became of them",
            "a second",
            "answered, given up while it rang, without a voice agent, or refused and why.",
            [(_rate("handoff_invites_total", _AT, "result"), "{{result}}")],
        ),
        Panel(
            "Calls up, by node",
            "calls",
            "Ringing ones included.",
            [(f"sum by (instance) (handoff_calls_active{{{_AT}}})", "{{instance}}")],
        ),
        Panel(
            "How calls end",
            "a second",
            "Handed back, completed by the voice agent, failed, or the caller hung up.",
            [(_rate("handoff_calls_total", _AT, "end"), "{{end}}")],
        ),
        Panel(
            "From INVITE to our answer",
            "seconds",
            "The voice agent's ringing is in it.",
            [
                (_quantile(0.5, "handoff_node_setup_seconds", _AT), "half of the calls"),
                (_quantile(0.99, "handoff_node_setup_seconds", _AT), "99 of 100"),
            ],
        ),
        Panel(
            "Signals by outcome",
            "a second",
            "accepted, or why not: a script that is not told sends its caller nowhere.",
            [(_rate("handoff_signals_total", _AT, "outcome"), "{{outcome}}")],
        ),
        Panel(
            "From the moment to NICE's acceptance",
            "seconds",
            "99 of 100 signals; beyond handoff.deadline (3 s) the caller goes back without waiting for it.",
            [(_quantile(0.99, "handoff_signal_seconds", _AT, "moment"), "{{moment}}")],
        ),
    )


def node() -> dict[str, Any]:
    """One node."""
    return dashboard(
        "handoff-node",
        "handoff-agent: node",
        "One node: what it carries, what is near its limit, what is wrong with it.",
        [_INSTANCE, _CONSOLE],
        Panel(
            "State",
            "yes or no",
            "The one state that the node is in.",
            [(f"handoff_node_state{{{_AT}}} == 1", "{{state}}")],
            "stat",
            4,
            links=[("Overview in the console", "${console}/")],
        ),
        Panel(
            "Calls up",
            "calls",
            "Ringing ones included.",
            [(f"sum(handoff_calls_active{{{_AT}}})", "calls")],
            "stat",
            4,
            links=[("Live calls in the console", "${console}/console/calls?state=live")],
        ),
        Panel(
            "Started",
            "a time",
            "When the process began.",
            [(f"process_start_time_seconds{{{_AT}}} * 1000", "started")],
            "stat",
            4,
        ),
        Panel(
            "Configuration loaded",
            "a time",
            "When the one in force was loaded.",
            [(f"handoff_config_loaded_timestamp_seconds{{{_AT}}} * 1000", "loaded")],
            "stat",
            4,
            links=[("Configuration in the console", "${console}/console/configuration")],
        ),
        Panel(
            "An edit is kept out",
            "yes or no",
            "What is on disk is refused, or waits until it is confirmed.",
            [(f"handoff_config_kept_out{{{_AT}}}", "kept out")],
            "stat",
            4,
        ),
        Panel(
            "Records can't be written",
            "yes or no",
            "New calls are refused then.",
            [(f"handoff_storage_fault{{{_AT}}}", "fault")],
            "stat",
            4,
        ),
        Panel(
            "What is near its limit",
            "share",
            "Calls, RTP ports and file descriptors, of as many as there may be.",
            [
                (f"sum(handoff_calls_active{{{_AT}}}) / sum(handoff_calls_limit{{{_AT}}})", "calls"),
                (f"handoff_rtp_ports_used{{{_AT}}} / handoff_rtp_ports_limit{{{_AT}}}", "RTP ports"),
                (f'process_open_fds{{job="handoff-agent", {_AT}}} / process_max_fds', "descriptors"),
            ],
        ),
        Panel(
            "New calls and refusals",
            "a second",
            "INVITEs by what became of them.",
            [(_rate("handoff_invites_total", _AT, "result"), "{{result}}")],
            links=[("Refused calls in the console", "${console}/console/calls?state=refused")],
        ),
        Panel(
            "Legs and call slots",
            "calls",
            "Two legs a bridged call; slots of ended calls linger for 32 s at most.",
            [
                (f"handoff_legs_active{{{_AT}}}", "legs"),
                (f"handoff_native_calls{{{_AT}}}", "slots of pjsua"),
            ],
        ),
        Panel(
            "How late the event loop is",
            "seconds",
            "Call set-up suffers from some 50 ms on.",
            [
                (_quantile(0.5, "handoff_loop_lag_seconds", _AT), "half of the time"),
                (f"handoff:loop_lag_seconds:p99_5m{{{_AT}}}", "99 of 100"),
            ],
        ),
        Panel(
            "From INVITE to our answer",
            "seconds",
            "The voice agents' ringing is in it.",
            [
                (_quantile(0.5, "handoff_node_setup_seconds", _AT), "half of the calls"),
                (_quantile(0.99, "handoff_node_setup_seconds", _AT), "99 of 100"),
            ],
        ),
        Panel(
            "Processor",
            "share",
            "Of one core, by the whole process: signalling on one thread, audio on others.",
            [(f'rate(process_cpu_seconds_total{{job="handoff-agent", {_AT}}}[{_EVERY}])', "of a core")],
        ),
        Panel(
            "Memory",
            "bytes",
            "Resident.",
            [(f'process_resident_memory_bytes{{job="handoff-agent", {_AT}}}', "resident")],
        ),
        Panel(
            "Disk under the records",
            "bytes",
            "Free, and all of it; none where the record is a database elsewhere.",
            [
                (f"handoff_storage_free_bytes{{{_AT}}}", "free"),
                (f"handoff_storage_size_bytes{{{_AT}}}", "size"),
            ],
        ),
        Panel(
            "Outbox",
            "a count",
            "What is not settled yet, by channel, and ends of calls that wait for the storage.",
            [
                (f"handoff_outbox_pending{{{_AT}}}", "{{channel}}"),
                (f"handoff_moments_waiting{{{_AT}}}", "ends of calls"),
            ],
            links=[("Signals that wait, in the console", "${console}/console/signals?state=recorded")],
        ),
        Panel(
            "Oldest signal that waits",
            "seconds",
            "Of no use after signal_ttl (2 minutes).",
            [(f"handoff_signals_oldest_seconds{{{_AT}}}", "age")],
        ),
        Panel(
            "Log-ins and look-ups",
            "a second",
            "At NICE's issuer, and of host names.",
            [
                (_rate("handoff_token_requests_total", _AT, "outcome"), "log-in {{outcome}}"),
                (
                    _or_none("handoff_name_lookups_total", _AT),
                    "look-up {{outcome}}",
                ),
            ],
        ),
        Panel(
            "Audio that was lost",
            "share",
            "RTP packets of ended legs that never arrived; from 2 % on people hear it.",
            [
                (f"{_LOST} / ({_RECEIVED} > 0) or vector(0)", "lost"),
            ],
        ),
        Panel(
            "Jitter and round trip",
            "seconds",
            "Of legs that ended; 95 of 100 were better.",
            [
                (_quantile(0.95, "handoff_rtp_jitter_seconds", _AT), "jitter"),
                (_quantile(0.95, "handoff_rtp_round_trip_seconds", _AT), "round trip"),
            ],
        ),
        Panel(
            "What should not be",
            "a count",
            "Internal errors, lost lines of the log, HTTP connections turned away, in the last 10 minutes.",
            [
                (f"sum(handoff:internal_errors:increase10m{{{_AT}}}) or vector(0)", "internal errors"),
                (f"increase(handoff_log_lines_dropped_total{{{_AT}}}[10m])", "lines lost"),
                (f"sum(handoff:connections_shed:increase10m{{{_AT}}}) or vector(0)", "connections"),
            ],
        ),
    )


def project() -> dict[str, Any]:
    """One project, on all nodes or some."""
    signals = "${console}/console/signals?project=${project}"
    return dashboard(
        "handoff-project",
        "handoff-agent: project",
        "One customer's project: its callers, its voice agents, its scripts.",
        [_INSTANCES, _PROJECT, _CONSOLE],
        Panel(
            "Calls up",
            "calls",
            "Ringing ones included.",
            [(f"sum(handoff_calls_active{{{_OF}}})", "calls")],
            "stat",
            6,
            links=[("Its calls in the console", "${console}/console/calls?project=${project}")],
        ),
        Panel(
            "Voice agents that answer",
            "a count",
            "By their probes; nothing where voice_agent.probe is not set.",
            [(f"sum(handoff_target_up{{{_OF}}})", "targets")],
            "stat",
            6,
        ),
        Panel(
            "Signals do not get through",
            "yes or no",
            "To NICE, whatever the reason.",
            [(f"max(handoff_signals_failing{{{_OF}}})", "failing")],
            "stat",
            6,
            links=[("Its signals in the console", signals)],
        ),
        Panel(
            "Credential refused",
            "yes or no",
            "It must be corrected; /alarms says what NICE said.",
            [(f"max(handoff_credential_alarm{{{_OF}}})", "refused")],
            "stat",
            6,
        ),
        Panel(
            "INVITEs by what became of them",
            "a second",
            "Of those whose number led to the project.",
            [(_rate("handoff_invites_total", _OF, "result"), "{{result}}")],
        ),
        Panel(
            "How calls end",
            "a second",
            "Handed back, completed by the voice agent, failed, or the caller hung up.",
            [(_rate("handoff_calls_total", _OF, "end"), "{{end}}")],
        ),
        Panel(
            "Why calls failed, last 10 minutes",
            "calls",
            "Each reason stands in docs/operations.md.",
            [(f"sum by (reason) (handoff:calls_failed:increase10m{{{_OF}}})", "{{reason}}")],
            links=[("Failed calls in the console", "${console}/console/calls?project=${project}&end=failed")],
        ),
        Panel(
            "Calls up, by node",
            "calls",
            "And the project's own limit, where it has one.",
            [
                (f"sum by (instance) (handoff_calls_active{{{_OF}}})", "{{instance}}"),
                (f"max(handoff_project_calls_limit{{{_OF}}}) or vector(0)", "limit of a node"),
            ],
        ),
        Panel(
            "From INVITE to our answer",
            "seconds",
            "The voice agent's ringing is in it; read between coarse bounds.",
            [
                (_quantile(0.5, "handoff_setup_seconds", _OF), "half of the calls"),
                (_quantile(0.95, "handoff_setup_seconds", _OF), "95 of 100"),
            ],
        ),
        Panel(
            "Each voice agent",
            "yes or no",
            "1 while it answers its probes.",
            [(f"handoff_target_up{{{_OF}}}", "{{instance}} {{target}}")],
        ),
        Panel(
            "Signals by outcome, last 10 minutes",
            "a count",
            "accepted, or why not.",
            [(f"sum by (outcome) (handoff:signals_settled:increase10m{{{_OF}}})", "{{outcome}}")],
            links=[("Its signals in the console", signals)],
        ),
        Panel(
            "Signals by moment",
            "a second",
            "arrival, and one of handoff, completed, failed.",
            [(_rate("handoff_signals_total", _OF, "moment"), "{{moment}}")],
        ),
        Panel(
            "Handoff API",
            "a second",
            "Answers by route and status.",
            [(_rate("handoff_api_requests_total", _OF, "route, status"), "{{route}} {{status}}")],
        ),
        Panel(
            "How audio goes",
            "a second",
            "Straight across, or decoded and mixed; counted at each change.",
            [(_rate("handoff_media_paths_total", _OF, "path"), "{{path}}")],
        ),
        Panel(
            "Webhooks and transcripts",
            "a second",
            "Settled, by outcome; they hold up no caller.",
            [
                (_or_none("handoff_webhooks_total", _OF), "webhook {{outcome}}"),
                (
                    _or_none("handoff_transcripts_total", _OF),
                    "transcript {{outcome}}",
                ),
            ],
        ),
        Panel(
            "Values cut at their limit",
            "a count",
            "p1 to p9 that were too long, in the last hour.",
            [(f"sum(increase(handoff_parameters_cut_total{{{_OF}}}[1h])) or vector(0)", "values")],
        ),
    )


_LINKS: Final = """
Write the call's id above: ours (`c-…`), the contact id, or the caller's SIP Call-ID. *Console* is the
operations listener of the node that had the call, as your browser reaches it. A star: takes our id only.

- [**Find it among all calls**](${console}/console/calls?id=${call})
- [**The call as a ladder**](${console}/console/calls/${call}) \\*: all of it on one time axis
- [Its signals](${console}/console/signals?call=${call}) \\*
- [Signals of the contact](${console}/console/signals?contact=${call})
- [The story as JSON](${console}/calls/${call}/story) \\*, while the node has it in memory

On the node's machine: `handoff-agent explain ${call}`
"""


def call() -> dict[str, Any]:
    """Where the story of one call is, and what its node did at the time."""
    return dashboard(
        "handoff-call",
        "handoff-agent: one call",
        "Metrics know no single calls. This leads to the console, which does, beside what the node did then.",
        [_INSTANCE, _CONSOLE, _CALL],
        Text("One call", _LINKS),
        Panel(
            "Calls up",
            "calls",
            "On the node, ringing ones included.",
            [(f"sum(handoff_calls_active{{{_AT}}})", "calls")],
        ),
        Panel(
            "How calls ended then",
            "a second",
            "Was it this call alone?",
            [(_rate("handoff_calls_total", _AT, "end"), "{{end}}")],
        ),
        Panel(
            "Signals by outcome then",
            "a second",
            "Was it this signal alone?",
            [(_rate("handoff_signals_total", _AT, "outcome"), "{{outcome}}")],
        ),
    )


DASHBOARDS: Final = {"fleet": fleet, "node": node, "project": project, "call": call}


def text(name: str) -> str:
    """The JSON of a dashboard, as it is written."""
    return json.dumps(DASHBOARDS[name](), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for each in DASHBOARDS:
        (HERE / f"{each}.json").write_text(text(each), encoding="utf-8")
