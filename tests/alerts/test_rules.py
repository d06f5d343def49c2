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
CASES = yaml.safe_load((RULES / "alerts_test.yaml").read_text())["tests"]
PARTS = ("Means", "Callers", "Look", "Do", "Over")
faster = runpy.run_path(str(RULES / "faster.py"))["faster"]


def test_promtool_finds_the_rules_and_the_example_right() -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", RULES / "recording.yaml", RULES / "alerts.yaml")
    promtool("check", "config", RULES / "prometheus.yaml")


def test_every_alert_fires_when_it_should_and_no_other_beside_it() -> None:
    promtool("test", "rules", RULES / "alerts_test.yaml")


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    text = (RULES / "alerts_test.yaml").read_text()
    assert set(re.findall(r'alertname="(\w+)"', text)) == set(ALERTS)
    assert [case for case in CASES if not case["promql_expr_test"][0]["exp_samples"]], "quiet ones too"


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_grave_it_is_what_it_is_and_where_to_read_on(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in ("critical", "warning")
    annotations = rule["annotations"]
    assert set(annotations) == {"summary", "description", "runbook_url"}
    assert len(annotations["summary"]) <= 110
    assert annotations["runbook_url"] == f"docs/operations.md#{name.lower()}"


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
