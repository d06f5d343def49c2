# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/metrics.md and the metrics that there are name each other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.core.node import NodeState
from agent.core.replication import Replication
from agent.telemetry.capacity import Room, Space
from agent.telemetry.metrics import Metrics

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(handoff_\w+)` \| (\w+) \| *(.*?) *\| \S.* \|$", re.MULTILINE)
KIND = re.compile(r"^# TYPE (handoff_\w+) (\w+)$", re.MULTILINE)

LOOKED = Replication(
    primary=True,
    synchronous=True,
    readable=True,
    synchronous_standbys=1,
    asynchronous_standbys=1,
    lag_bytes=100.0,
    lag_seconds=0.1,
)


def everything() -> Metrics:
    """Metrics that have all said something, so that their labels show."""
    metrics = Metrics()
    metrics.readings.node_state = lambda: "ready"
    metrics.readings.node_states = tuple(NodeState)
    metrics.readings.credential_alarms = lambda: {"care": False}
    metrics.readings.failing = lambda: {"care": False}
    metrics.invite_answered("care", "answered")
    metrics.call_started("care")
    metrics.call_answered("care", 0.1)
    metrics.call_ended("care", "handoff")
    metrics.call_started("care")
    metrics.call_ended("care", "failed", "media_lost")
    space = Space(free=1_000_000, size=4_000_000)
    metrics.capacity.read = lambda: Room("edge-1", 100, {"care": 10}, 400, 40, space)
    metrics.media_returned("release", 0.1)
    metrics.audio_carried("care", "relay")
    metrics.leg_rated("caller", 4.2)
    metrics.signal_started("handoff", 0.1)
    metrics.signal_settled("care", "handoff", "accepted", 0.1)
    metrics.webhook_settled("care", "accepted")
    metrics.transcript_settled("care", "accepted")
    metrics.readings.outbox = lambda: {"webhook": 1}
    metrics.parameters_cut("care", 1)
    metrics.api_answered("care", "hand_off", 202)
    metrics.http_shed("api")
    metrics.log_in_refused("unknown")
    metrics.node_asked("api", "answered")
    metrics.token_requested("issued")
    metrics.name_looked_up("found")
    metrics.certificate_loaded("sip.tls", 1.0)
    metrics.target_probed("care", "sip:bot@10.0.0.5", up=True)
    metrics.synthetic_made("care", "passed", 0, 0, 0.7)
    metrics.leg_rated("caller", 4.2)
    metrics.config_reloaded("loaded", kept_out=False)
    metrics.config_loaded(1.0, "0123456789ab")
    metrics.fleet_listed(3)
    metrics.internal_error("tick")
    metrics.database_looked_at(LOOKED)
    return metrics


TEXT = everything().render()[0].decode()
DOCUMENTED = {name: (kind, labels) for name, kind, labels in ROW.findall(PAGE)}


def test_each_metric_has_a_row_of_its_own_kind_and_each_row_a_metric() -> None:
    assert {name: kind for name, (kind, _) in DOCUMENTED.items()} == dict(KIND.findall(TEXT))


def test_no_metric_has_two_rows() -> None:
    assert len(ROW.findall(PAGE)) == len(DOCUMENTED)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_labels_of_a_row_are_those_of_its_metric(name: str) -> None:
    written = set(re.findall(r"`(\w+)`", DOCUMENTED[name][1]))
    samples = re.findall(rf"^{name}(?:_bucket)?(?:{{(.*?)}})? ", TEXT, re.MULTILINE)
    assert samples
    assert set(re.findall(r'(\w+)="', samples[0])) - {"le"} == written


def test_the_rest_of_the_page_names_only_metrics_that_there_are() -> None:
    named = {name.removesuffix("_bucket") for name in re.findall(r"handoff_\w+", PAGE)}
    assert named == set(DOCUMENTED)


@pytest.mark.parametrize(
    "page", sorted((Path(__file__).parents[2] / "docs").glob("*.md")), ids=lambda page: page.name
)
def test_no_page_names_a_metric_that_there_is_not(page: Path) -> None:
    named = set(re.findall(r"`(handoff_[a-z_]+)[`{]", page.read_text(encoding="utf-8")))
    assert named <= set(DOCUMENTED)
