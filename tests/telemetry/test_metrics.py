# SPDX-License-Identifier: GPL-3.0-or-later
"""Each metric of the contract exists, and moves when its verb is said."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent import __version__
from agent.telemetry.capacity import Room, Space
from agent.telemetry.metrics import CONTENT_TYPE, Metrics

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(metrics: Metrics) -> Samples:
    text, content_type = metrics.render()
    assert content_type == CONTENT_TYPE
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((name, frozenset(labels.items())))


def room() -> Room:
    """A node's room, partly taken."""
    return Room("edge-1", 100, {"acme-care": 10}, 400, 40, Space(free=1_000_000, size=4_000_000))


def reads(name: str, source: Callable[[], object]) -> Callable[[Metrics], object]:
    """Let it be read there."""
    return lambda metrics: setattr(metrics.readings, name, source)


def reads_room(metrics: Metrics) -> None:
    """Let the room be read."""
    metrics.capacity.read = room


DOCUMENTED: list[tuple[str, dict[str, str], Callable[[Metrics], object], float]] = [
    ("node_state", {"state": "ready"}, reads("node_state", lambda: "ready"), 1),
    (
        "invites_total",
        {"project": "acme-care", "result": "answered"},
        lambda m: m.invite_answered("acme-care", "answered"),
        1,
    ),
    ("calls_active", {"project": "acme-care"}, lambda m: m.call_started("acme-care"), 1),
    ("legs_active", {}, reads("legs", lambda: 4), 4),
    ("names_refused_total", {}, reads("names", lambda: 3), 3),
    ("native_calls", {}, reads("native_calls", lambda: 5), 5),
    (
        "calls_total",
        {"project": "acme-care", "end": "handoff"},
        lambda m: m.call_ended("acme-care", "handoff"),
        1,
    ),
    ("setup_seconds_count", {"project": "acme-care"}, lambda m: m.call_answered("acme-care", 0.2), 1),
    (
        "signals_total",
        {"project": "acme-care", "moment": "handoff", "outcome": "unknown_contact"},
        lambda m: m.signal_settled("acme-care", "handoff", "unknown_contact", 0.2),
        1,
    ),
    (
        "signal_seconds_sum",
        {"moment": "handoff"},
        lambda m: m.signal_settled("acme-care", "handoff", "accepted", 0.25),
        0.25,
    ),
    ("signal_start_seconds_sum", {"moment": "arrival"}, lambda m: m.signal_started("arrival", 0.5), 0.5),
    ("signals_pending", {}, reads("pending", lambda: 7), 7),
    (
        "webhooks_total",
        {"project": "acme-care", "outcome": "expired"},
        lambda m: m.webhook_settled("acme-care", "expired"),
        1,
    ),
    (
        "transcripts_total",
        {"project": "acme-care", "outcome": "unknown"},
        lambda m: m.transcript_settled("acme-care", "unknown"),
        1,
    ),
    ("outbox_pending", {"channel": "webhook"}, reads("outbox", lambda: {"webhook": 3}), 3),
    ("token_requests_total", {"outcome": "issued"}, lambda m: m.token_requested("issued"), 1),
    ("name_lookups_total", {"outcome": "stale"}, lambda m: m.name_looked_up("stale"), 1),
    ("media_return_seconds_count", {"method": "release"}, lambda m: m.media_returned("release", 0.2), 1),
    (
        "media_paths_total",
        {"project": "care", "path": "relay"},
        lambda m: m.audio_carried("care", "relay"),
        1,
    ),
    (
        "target_up",
        {"project": "acme-care", "target": "sip:bot@10.0.0.5"},
        lambda m: m.target_probed("acme-care", "sip:bot@10.0.0.5", up=True),
        1,
    ),
    (
        "synthetic_calls_total",
        {"project": "acme-care", "result": "failed"},
        lambda m: m.synthetic_made("acme-care", "failed", 3, 1, None),
        1,
    ),
    (
        "synthetic_calls_total",
        {"project": "acme-care", "result": "not_made"},
        lambda m: m.synthetic_not_made("acme-care"),
        1,
    ),
    (
        "synthetic_failures",
        {"project": "acme-care"},
        lambda m: m.synthetic_made("acme-care", "failed", 3, 1, None),
        3,
    ),
    (
        "synthetic_unclear",
        {"project": "acme-care"},
        lambda m: m.synthetic_made("acme-care", "unclear", 0, 2, None),
        2,
    ),
    (
        "synthetic_response_seconds",
        {"project": "acme-care"},
        lambda m: m.synthetic_made("acme-care", "passed", 0, 0, 0.7),
        0.7,
    ),
    ("rtp_packets_lost_total", {}, lambda m: m.rtp_measured(100, 3, 0.01, None), 3),
    ("rtp_jitter_seconds_count", {}, lambda m: m.rtp_measured(100, 0, 0.01, None), 1),
    ("rtp_round_trip_seconds_count", {}, lambda m: m.rtp_measured(100, 0, 0.01, 0.04), 1),
    ("rtp_round_trip_seconds_count", {}, lambda m: m.rtp_measured(100, 0, 0.01, None), 0),
    ("call_mos_count", {"leg": "caller"}, lambda m: m.leg_rated("caller", 4.2), 1),
    (
        "config_reloads_total",
        {"result": "loaded"},
        lambda m: m.config_reloaded("loaded", kept_out=False),
        1,
    ),
    ("config_kept_out", {}, lambda m: m.config_reloaded("held", kept_out=True), 1),
    (
        "certificate_expiry_timestamp_seconds",
        {"certificate": "sip.tls"},
        lambda m: m.certificate_loaded("sip.tls", 1_900_000_000),
        1_900_000_000,
    ),
    ("config_loaded_timestamp_seconds", {}, lambda m: m.config_loaded(1_800_000_000, "a"), 1_800_000_000),
    ("fleet_nodes", {}, lambda m: m.fleet_listed(3), 3),
    ("config_fingerprint", {"fingerprint": "a"}, lambda m: m.config_loaded(1_800_000_000, "a"), 1),
    ("loop_lag_seconds_count", {}, lambda m: m.loop_lagged(0.001), 1),
    ("parameters_cut_total", {"project": "acme-care"}, lambda m: m.parameters_cut("acme-care", 2), 2),
    (
        "credential_alarm",
        {"project": "acme-care"},
        reads("credential_alarms", lambda: {"acme-care": True, "acme-sales": False}),
        1,
    ),
    (
        "signals_failing",
        {"project": "acme-care"},
        reads("failing", lambda: {"acme-care": True, "acme-sales": False}),
        1,
    ),
    (
        "calls_failed_total",
        {"project": "acme-care", "reason": "media_lost"},
        lambda m: m.call_ended("acme-care", "failed", "media_lost"),
        1,
    ),
    ("node_setup_seconds_count", {}, lambda m: m.call_answered("acme-care", 0.2), 1),
    ("signals_oldest_seconds", {}, reads("oldest", lambda: 31.5), 31.5),
    (
        "node_requests_total",
        {"listener": "api", "outcome": "answered"},
        lambda m: m.node_asked("api", "answered"),
        1,
    ),
    ("node_info", {"node": "edge-1", "version": __version__}, reads_room, 1),
    ("calls_limit", {}, reads_room, 100),
    ("project_calls_limit", {"project": "acme-care"}, reads_room, 10),
    ("rtp_ports_limit", {}, reads_room, 400),
    ("rtp_ports_used", {}, reads_room, 40),
    ("storage_free_bytes", {}, reads_room, 1_000_000),
    ("storage_size_bytes", {}, reads_room, 4_000_000),
    ("storage_fault", {}, reads("storage_fault", lambda: "disk full"), 1),
]


@pytest.mark.parametrize(("name", "labels", "verb", "after"), DOCUMENTED, ids=[row[0] for row in DOCUMENTED])
def test_each_documented_metric_exists_and_moves(
    name: str, labels: dict[str, str], verb: Callable[[Metrics], object], after: float
) -> None:
    metrics = Metrics()
    assert not value(metrics, f"handoff_{name}", **labels)
    verb(metrics)
    assert value(metrics, f"handoff_{name}", **labels) == after


def test_a_metric_is_described_before_anything_happened() -> None:
    text = Metrics().render()[0].decode()
    for name, *_ in DOCUMENTED:
        family = name.removesuffix("_count").removesuffix("_sum")
        assert f"# TYPE handoff_{family} " in text


def test_invites_refused_by_the_guard_stand_beside_those_python_saw_and_are_counted_once() -> None:
    metrics = Metrics()
    metrics.readings.guard = lambda: {"unknown_source": 5, "over_limit": 2}
    metrics.invite_answered("", "over_limit")
    for _ in range(2):  # a second scrape finds the same
        assert value(metrics, "handoff_invites_total", project="", result="unknown_source") == 5
        assert value(metrics, "handoff_invites_total", project="", result="over_limit") == 3


def test_the_node_is_in_one_state_of_all_it_may_be_in() -> None:
    metrics = Metrics()
    metrics.readings.node_state = lambda: "draining"
    metrics.readings.node_states = ("ready", "draining")
    assert value(metrics, "handoff_node_state", state="draining") == 1
    assert value(metrics, "handoff_node_state", state="ready") == 0


def test_a_call_that_ended_is_not_active() -> None:
    metrics = Metrics()
    metrics.call_started("acme-care")
    metrics.call_ended("acme-care", "completed")
    assert value(metrics, "handoff_calls_active", project="acme-care") == 0
    assert value(metrics, "handoff_calls_total", project="acme-care", end="completed") == 1


def test_a_target_that_a_reload_removed_is_shown_no_more() -> None:
    metrics = Metrics()
    metrics.target_probed("acme-care", "sip:bot@10.0.0.5", up=False)
    metrics.target_removed("acme-care", "sip:bot@10.0.0.5")
    assert value(metrics, "handoff_target_up", project="acme-care", target="sip:bot@10.0.0.5") is None


def test_two_instances_do_not_share_counts() -> None:
    one, two = Metrics(), Metrics()
    one.call_started("acme-care")
    assert value(two, "handoff_calls_active", project="acme-care") is None


def test_a_record_elsewhere_has_no_room_to_tell_of() -> None:
    metrics = Metrics()
    metrics.capacity.read = lambda: Room("edge-1", 100)
    assert value(metrics, "handoff_storage_free_bytes") is None
    assert value(metrics, "handoff_calls_limit") == 100


def test_calls_that_did_not_fail_have_no_reason() -> None:
    metrics = Metrics()
    metrics.call_ended("acme-care", "completed")
    assert "handoff_calls_failed_total{" not in metrics.render()[0].decode()


def test_a_node_has_all_bounds_of_its_projects_together() -> None:
    metrics = Metrics()
    for project, seconds in (("acme-care", 0.008), ("acme-care", 0.04), ("acme-sales", 2.5)):
        metrics.call_answered(project, seconds)
    of_node = {
        le: value(metrics, "handoff_node_setup_seconds_bucket", le=le) for le in ("0.01", "0.05", "3.0")
    }
    assert of_node == {"0.01": 1, "0.05": 2, "3.0": 3}
    assert value(metrics, "handoff_setup_seconds_bucket", project="acme-care", le="0.05") == 2
    assert value(metrics, "handoff_setup_seconds_bucket", project="acme-care", le="0.01") is None
    assert value(metrics, "handoff_node_setup_seconds_sum") == pytest.approx(2.548)
