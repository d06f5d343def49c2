# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""``handoff-agent doctor`` against the simulated CXone."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

Capture = pytest.CaptureFixture[str]
SECRETS = ("demo-client-secret", "demo-access-key-secret")


def examine(bench: Any, capsys: Capture, *arguments: str) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code and the findings of a project by step."""
    code = bench.command("doctor", "--project", "acme-care", "--json", *arguments)
    text = capsys.readouterr().out
    assert not [secret for secret in SECRETS if secret in text]
    return code, {finding["step"]: finding for finding in json.loads(text)["findings"]}


def test_a_good_project_is_well_in_every_step(bench: Any, capsys: Capture) -> None:
    code, found = examine(bench, capsys)
    assert code == 0
    assert {step: one["health"] for step, one in found.items()} == dict.fromkeys(
        (
            "configuration",
            "issuer",
            "openid-configuration",
            "token",
            "claims",
            "cxone-configuration",
            "clock",
        ),
        "ok",
    )
    assert "1 h 0 min" in found["token"]["said"]
    assert "business unit 4591234" in found["claims"]["said"]
    assert bench.simulator.signals() == []


def test_a_test_signal_is_sent_once_and_its_answer_told(bench: Any, capsys: Capture) -> None:
    code, found = examine(bench, capsys, "--signal", "4512", "--parameter", "p2=two")
    assert (code, found["signal"]["health"]) == (0, "ok")
    (signal,) = bench.simulator.signals("4512")
    assert signal["parameters"] == {"p1": "", "p2": "two"}


@pytest.mark.parametrize(
    ("target", "fault", "found_at"),
    [
        ("openid", {"status": 404}, ("openid-configuration", "no issuer")),
        ("openid", {"mode": "html_200"}, ("openid-configuration", "no issuer")),
        ("openid", {"status": 503}, ("openid-configuration", "a fault at NICE")),
        ("token", {"error": "invalid_client"}, ("token", "not approved the application yet")),
        ("token", {"error": "invalid_grant"}, ("token", "employee was deactivated")),
        ("token", {"status": 500}, ("token", "a fault or a gateway")),
        ("discovery", {"status": 404}, ("cxone-configuration", "a wrong region")),
        ("discovery", {"mode": "no_api_endpoint"}, ("cxone-configuration", "a fault")),
        ("signal", {"status": 403}, ("signal", "lacks the permission")),
        ("signal", {"status": 404}, ("signal", "master contact id")),
        ("signal", {"mode": "html_200"}, ("signal", "gateway")),
        ("signal", {"status": 429}, ("signal", "too many requests")),
        ("signal", {"mode": "reset_after"}, ("signal", "may have taken effect")),
    ],
)
def test_what_fails_is_named_with_its_likely_cause(
    bench: Any, capsys: Capture, target: str, fault: dict[str, Any], found_at: tuple[str, str]
) -> None:
    step, cause = found_at
    bench.simulator.fails(target, **fault)
    code, found = examine(bench, capsys, "--signal", "4512")
    assert code == 1
    assert found[step]["health"] == "failed"
    assert cause in found[step]["cause"]
    assert found[step]["remedy"]


def test_a_deactivated_employee_is_suspected(bench: Any, capsys: Capture) -> None:
    bench.turn(employee_active=False)
    code, found = examine(bench, capsys)
    assert (code, found["token"]["health"]) == (1, "failed")
    assert "deactivated" in found["token"]["cause"]
    assert "claims" not in found


def test_a_key_of_another_business_unit_is_told_and_nothing_is_sent(bench: Any, capsys: Capture) -> None:
    bench.edit("projects/acme-care.yaml", '"4591234"', '"4590000"')
    code, found = examine(bench, capsys, "--signal", "4512")
    assert (code, found["claims"]["health"]) == (1, "failed")
    assert "business unit 4591234" in found["claims"]["said"]
    assert found["signal"]["health"] == "failed"
    assert bench.simulator.signals() == []


def test_a_key_that_lost_its_equals_signs_is_noticed(bench: Any, capsys: Capture) -> None:
    bench.edit("projects/acme-care.yaml", "DEMOACCESSKEYID====", "DEMOACCESSKEYID")
    code, found = examine(bench, capsys)
    assert code == 1
    assert found["configuration"]["health"] == "note"
    assert "access_key_id" in found["configuration"]["cause"]


def test_the_machine_is_examined_and_a_taken_port_found(bench: Any, capsys: Capture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        bench.edit("agent.yaml", "api: 127.0.0.1:8080", f"api: 127.0.0.1:{port}")
        assert bench.command("doctor", "--json") == 1
    findings = json.loads(capsys.readouterr().out)["findings"]
    (ports,) = [one for one in findings if one["step"] == "ports" and "http.api" in one["said"]]
    assert (ports["health"], ports["cause"]) == ("failed", "another process listens there")
    steps = {one["step"] for one in findings if one["subject"] == "machine"}
    assert steps == {"ports", "storage", "rtp ports", "descriptors", "buffers", "audio"}
    assert {one["subject"] for one in findings} == {"machine", "acme-care", "acme-care-sandbox", "acme-sales"}


@pytest.mark.usefixtures("node")
def test_the_ports_of_a_running_agent_are_no_conflict(bench: Any, capsys: Capture) -> None:
    bench.command("doctor", "--json")
    findings = json.loads(capsys.readouterr().out)["findings"]
    (ports,) = [one for one in findings if one["step"] == "ports"]
    assert (ports["health"], ports["said"].split(":")[0]) == ("ok", "the agent is running, on 127.0.0.1")


def test_each_step_is_one_line_with_the_sum_at_the_end(bench: Any, capsys: Capture) -> None:
    assert bench.command("doctor", "--project", "acme-care") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "all 7 passed"
    assert len(lines) == 8
    assert all(line.split()[2] == "ok" for line in lines[:-1])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--signal", "4512"], "--signal needs --project"), (["--project", "acme"], "unknown project acme")],
)
def test_what_can_t_be_done_is_said_in_one_line(
    bench: Any, capsys: Capture, arguments: list[str], words: str
) -> None:
    assert bench.command("doctor", *arguments) == 2
    assert words in capsys.readouterr().err
