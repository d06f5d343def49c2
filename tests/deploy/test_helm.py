# SPDX-License-Identifier: GPL-3.0-or-later
"""The chart: rendered by Helm's own library, held to Kubernetes' own schemas, read by the agent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy/kubernetes/handoff-agent"
COMMAND = ROOT / ".venv/bin/handoff-agent"
RELEASES = ("1.27", "1.32", "1.37")
"""Of Kubernetes: the first that the chart allows, a middle one, the last that is known here."""
DEFAULT: dict[str, Any] = {}
ALL: dict[str, Any] = {
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True},
    "persistence": {"enabled": True, "storageClass": "fast"},
    "networkPolicy": {
        "carriers": ["192.0.2.0/24", "10.0.0.2/32"],
        "api": ["10.1.0.0/16"],
        "operations": ["10.2.0.0/16"],
    },
    "nodeSelector": {"role": "edge"},
    "tolerations": [{"key": "edge", "operator": "Exists"}],
    "podAnnotations": {"of": "edge"},
    "imagePullSecrets": [{"name": "registry"}],
    "config": {
        "carriers": {"carriers": {"nice": {"sources": ["192.0.2.7/32"]}}},
        "numbers": {"acme": {"9995550100": "acme-care", "9995550200-9995550299": "acme-care"}},
    },
}


def with_project() -> dict[str, Any]:
    """All values, with the project of the example."""
    example = yaml.safe_load((ROOT / "config/projects/acme-care.yaml").read_text(encoding="utf-8"))
    example["token"] = example["api_key"] = "${file:/run/secrets/handoff-agent/acme}"
    cxone = example["cxone"]
    cxone["client_secret"] = cxone["access_key_secret"] = "${file:/run/secrets/handoff-agent/acme}"
    return {**ALL, "config": {**ALL["config"], "projects": {"acme-care": example}}}


def render(values: dict[str, Any], release: str = "edge") -> list[dict[str, Any]]:
    with helm_python.Chart.load(str(CHART)) as chart:
        chart.validate_schema(values)
        files = chart.render(values, name=release, namespace="voice")
    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    return [found for text in texts for found in yaml.safe_load_all(text) if found is not None]


def one(kind: str, values: dict[str, Any] = DEFAULT) -> dict[str, Any]:
    (found,) = [found for found in render(values) if found["kind"] == kind]
    return found


def test_helm_finds_nothing_wrong() -> None:
    found = helm_python.lint(str(CHART))
    assert found["errors"] == []
    assert [message["error"] for message in found["messages"]] == ["icon is recommended"]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("values", [DEFAULT, ALL], ids=["default", "all"])
def test_each_resource_is_what_kubernetes_takes(release: str, values: dict[str, Any]) -> None:
    found = [found for found in render(values) if not found["apiVersion"].startswith("monitoring.coreos.com")]
    assert {"ConfigMap", "StatefulSet", "Service", "PodDisruptionBudget", "NetworkPolicy"} == {
        resource["kind"] for resource in found
    }
    for resource in found:
        kubernetes_validate.validate(resource, release, strict=True)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replica": 2}, "replica"),
        ({"replicas": "three"}, "replicas"),
        ({"networkPolicy": {"carriers": ["everywhere"]}}, "carriers"),
        ({"config": {"agnet": {}}}, "agnet"),
    ],
)
def test_a_wrong_value_is_named(values: dict[str, Any], said: str) -> None:
    with helm_python.Chart.load(str(CHART)) as chart, pytest.raises(helm_python.HelmError, match=said):
        chart.validate_schema(values)


def pod(values: dict[str, Any] = DEFAULT) -> dict[str, Any]:
    found: dict[str, Any] = one("StatefulSet", values)["spec"]["template"]["spec"]
    return found


def test_the_pod_may_do_nothing_that_it_need_not() -> None:
    (agent,) = pod()["containers"]
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert pod()["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod()["automountServiceAccountToken"] is False
    assert agent["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_calls_have_the_time_that_they_may_last() -> None:
    """limits.duration is 4 h unless the configuration says otherwise."""
    assert pod()["terminationGracePeriodSeconds"] >= 4 * 3600


def test_one_that_drains_is_not_ready_and_is_not_killed_for_it() -> None:
    (agent,) = pod()["containers"]
    assert agent["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert agent["livenessProbe"]["httpGet"]["path"] == "/healthz"
    (program, token) = agent["lifecycle"]["preStop"]["exec"]["command"]
    assert (ROOT / "deploy/containers" / program.removeprefix("handoff-agent-")).exists()
    assert token.startswith("/run/secrets/handoff-agent/")


def test_a_new_configuration_starts_no_pod_anew() -> None:
    """Each would drain for hours; the agents load it in place."""
    before, after = (one("StatefulSet", values)["spec"]["template"] for values in (ALL, with_project()))
    assert before == after


def test_the_rules_of_prometheus_are_those_of_deploy_prometheus() -> None:
    rules = one("PrometheusRule", ALL)["spec"]["groups"]
    files = [
        yaml.safe_load((ROOT / "deploy/prometheus" / name).read_text(encoding="utf-8"))
        for name in ("recording.yaml", "alerts.yaml")
    ]
    assert rules == [group for file in files for group in file["groups"]]
    (relabelled, _) = one("ServiceMonitor", ALL)["spec"]["endpoints"][0]["relabelings"]
    assert relabelled == {"targetLabel": "job", "replacement": "handoff-agent"}


def written(values: dict[str, Any], into: Path) -> Path:
    """The folder as image and Kubernetes make it: a ConfigMap is a hidden folder, and links to its files."""
    for resource in render(values):
        if resource["kind"] != "ConfigMap":
            continue
        folder = into / resource["metadata"]["name"].removeprefix("edge-handoff-agent-")
        hidden = folder / "..2026_01_01"
        hidden.mkdir(parents=True)
        (folder / "..data").symlink_to(hidden.name)
        for key, text in resource["data"].items():
            (hidden / key).write_text(text, encoding="utf-8")
            (folder / key).symlink_to(f"..data/{key}")
    for name in ("agent.yaml", "carriers.yaml"):
        (into / name).symlink_to(f"main/{name}")
    return into


def test_the_agent_reads_the_configuration_that_the_chart_writes(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "acme").write_text("a-secret-of-tests-0815")
    (secrets / "operations_token").write_text("another-secret-of-tests-4711")
    (secrets / "storage").write_text("postgresql://agent@127.0.0.1/handoff")
    folder = written(with_project(), tmp_path / "config")
    for file in folder.rglob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("/run/secrets/handoff-agent", str(secrets)), encoding="utf-8")
    environment = {**os.environ, "HANDOFF_NODE": "edge-handoff-agent-0", "HANDOFF_ADDRESS": "192.0.2.11"}
    found = subprocess.run(
        [sys.executable, str(COMMAND), "check", "--config", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert found.returncode == 0, found.stdout + found.stderr
