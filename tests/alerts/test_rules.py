# SPDX-License-Identifier: GPL-3.0-or-later
"""The alert rules: right by promtool, seen to fire there, each with a section for whom it wakes."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.telemetry.metrics import Metrics
from tests.alerts.harness.prometheus import RULES, promtool

RUNBOOK = Path(__file__).parents[2] / "docs/operations.md"
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load((RULES / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
}
FILES = [RULES / "alerts_test.yaml", RULES / "alerts_day_test.yaml"]
CASES = [case for file in FILES for case in yaml.safe_load(file.read_text())["tests"]]
BASE = '{{ with query "handoff:runbooks" }}{{ . | first | label "base" }}{{ else }}docs{{ end }}'
PARTS = ("Means", "Callers", "Look", "Do", "Over")
faster = runpy.run_path(str(RULES / "faster.py"))["faster"]


def test_promtool_finds_the_rules_and_the_example_right() -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", RULES / "recording.yaml", RULES / "alerts.yaml")
    promtool("check", "config", RULES / "prometheus.yaml")


@pytest.mark.timeout(1200)  # promtool takes 20 s of a processor for it, which others want too
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_alert_fires_when_it_should_and_no_other_beside_it(file: Path) -> None:
    promtool("test", "rules", file)


def test_where_the_runbooks_are_is_said_in_one_place(tmp_path: Path) -> None:
    text = (RULES / "recording.yaml").read_text()
    assert text.count("base: docs}") == 1
    moved = text.replace("base: docs}", "base: https://wiki.example.org/agent}")
    (tmp_path / "recording.yaml").write_text(moved)
    (tmp_path / "alerts.yaml").write_text((RULES / "alerts.yaml").read_text())
    case = {
        "rule_files": ["recording.yaml", "alerts.yaml"],
        "evaluation_interval": "15s",
        "tests": [
            {
                "interval": "15s",
                "input_series": [
                    {
                        "series": 'handoff_storage_fault{job="handoff-agent", instance="edge-1"}',
                        "values": "1x20",
                    },
                    {"series": 'up{job="handoff-agent", instance="edge-1"}', "values": "1x20"},
                ],
                "alert_rule_test": [
                    {
                        "eval_time": "2m",
                        "alertname": "HandoffStorageFault",
                        "exp_alerts": [
                            {
                                "exp_labels": {
                                    "job": "handoff-agent",
                                    "instance": "edge-1",
                                    "severity": "critical",
                                },
                                "exp_annotations": {
                                    **ALERTS["HandoffStorageFault"]["annotations"],
                                    "summary": "edge-1 can't write its records",
                                    "runbook_url": "https://wiki.example.org/agent/operations.md#handoffstoragefault",
                                },
                            }
                        ],
                    }
                ],
            }
        ],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(case))
    promtool("test", "rules", tmp_path / "test.yaml")


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    text = "".join(file.read_text() for file in FILES)
    assert set(re.findall(r'alertname="(\w+)"', text)) == set(ALERTS)
    assert [case for case in CASES if not case["promql_expr_test"][0]["exp_samples"]], "quiet ones too"


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_grave_it_is_what_it_is_and_where_to_read_on(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in ("critical", "warning")
    annotations = rule["annotations"]
    assert set(annotations) == {"summary", "description", "runbook_url"}
    assert len(annotations["summary"]) <= 110
    assert annotations["runbook_url"] == f"{BASE}/operations.md#{name.lower()}"


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_has_a_section_with_what_to_look_at_and_what_to_do(name: str) -> None:
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^#|\Z)", RUNBOOK.read_text(), re.MULTILINE | re.DOTALL))
    found = re.findall(r"^- \*\*(\w+)\*\*: \S", sections.get(name, ""), re.MULTILINE)
    assert tuple(found) == PARTS


def test_no_section_is_left_of_an_alert_that_is_gone() -> None:
    assert set(re.findall(r"^### (Handoff\w+)$", RUNBOOK.read_text(), re.MULTILINE)) == set(ALERTS)


def test_the_rules_name_only_metrics_that_there_are() -> None:
    there = set(re.findall(r"^# TYPE (handoff_\w+)", Metrics().render()[0].decode(), re.MULTILINE))
    for file in ("recording.yaml", "alerts.yaml"):
        rules = re.sub(r"^\s*(#|runbook_url).*$", "", (RULES / file).read_text(), flags=re.MULTILINE)
        named = {name.removesuffix("_bucket") for name in re.findall(r"\bhandoff_[a-z_]+", rules)}
        assert named <= there


def test_what_follows_from_another_alert_is_named_right() -> None:
    document = yaml.safe_load((RULES / "alertmanager.yaml").read_text())
    for rule in document["inhibit_rules"]:
        (source,), (target,) = rule["source_matchers"], rule["target_matchers"]
        causes, effects = (set(re.findall(r"Handoff\w+", one)) for one in (source, target))
        assert causes <= set(ALERTS)
        assert effects <= set(ALERTS)
        graver = {ALERTS[name]["labels"]["severity"] for name in causes}
        assert graver == {"critical"} or {ALERTS[name]["labels"]["severity"] for name in effects} == {
            "warning"
        }
    receivers = {one["name"] for one in document["receivers"]}
    routes = document["route"]["routes"]
    assert {document["route"]["receiver"], *(one["receiver"] for one in routes)} == receivers


def test_faster_rules_have_the_same_text_with_shorter_times() -> None:
    rules = "for: 1m\nexpr: rate(x[10m]) > 3 and y offset 1h # 5m stay\nsummary: within 15 minutes"
    quick = "for: 600ms\nexpr: rate(x[6000ms]) > 3 and y offset 36000ms # 5m stay\nsummary: within 15 minutes"
    assert faster(rules, 100) == quick


@pytest.mark.parametrize("factor", [(), ("no number",), ("0",), ("2", "3")])
def test_a_factor_that_is_none_is_told_in_one_line(factor: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, str(RULES / "faster.py"), *factor],
        input="for: 1m",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")
    assert not done.stdout
