# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Commands that look need the agent or its record, and no faultless configuration."""

from __future__ import annotations

from typing import Any

import pytest

from agent.cli.main import main
from agent.core.moments import Moment, SignalState

Capture = pytest.CaptureFixture[str]
LOOKS = (("calls",), ("explain", "4512"), ("signals", "list", "--contact", "4512"))


def spoil(bench: Any, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = bench.config
    if how == "numbers":
        (config / "numbers" / "acme.yaml").write_text("numbers: {1: [}\n", encoding="utf-8")
    elif how == "carriers":
        (config / "carriers.yaml").unlink()
    elif how == "secrets":
        for secret in (config / "secrets").iterdir():
            secret.unlink()
    elif how == "another key":
        agent = config / "agent.yaml"
        agent.write_text(agent.read_text() + "\nno_such_key: 1\n")
    else:
        monkeypatch.setenv("HOME", "/nonexistent")


@pytest.mark.parametrize("how", ["numbers", "carriers", "secrets", "another key"])
@pytest.mark.parametrize("command", LOOKS)
def test_a_mistake_elsewhere_keeps_nobody_from_looking(
    bench: Any, capsys: Capture, monkeypatch: pytest.MonkeyPatch, how: str, command: tuple[str, ...]
) -> None:
    bench.record(SignalState.ACCEPTED, ("accepted", 202, ""), moment=Moment.ARRIVAL)
    spoil(bench, how, monkeypatch)
    assert bench.command(*command) == 0
    assert "4512" in capsys.readouterr().out


@pytest.mark.parametrize("how", ["numbers", "secrets"])
def test_nor_from_ending_a_call(bench: Any, node: Any, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    node.live = [{"call_id": "c-live"}]
    spoil(bench, how, monkeypatch)
    assert bench.command("hangup", "c-live") == 0
    assert node.hung_up == ["c-live"]


def test_an_agent_yaml_that_can_t_be_read_at_all_is_noted_and_the_usual_address_asked(
    bench: Any, capsys: Capture
) -> None:
    (bench.config / "agent.yaml").write_text("node: [\n", encoding="utf-8")
    assert bench.command("signals", "list") == 2
    said = capsys.readouterr().err
    assert "asking http://127.0.0.1:8081, --operations URL names another" in said
    assert "--storage URL names the record" in said


def test_a_storage_that_is_a_secret_of_somebody_else_can_be_named(bench: Any, capsys: Capture) -> None:
    bench.record(SignalState.ACCEPTED, ("accepted", 202, ""))
    agent = bench.config / "agent.yaml"
    lines = [line for line in agent.read_text().splitlines() if not line.startswith("storage:")]
    agent.write_text("\n".join([*lines, "storage: ${env:NOT_IN_THIS_SHELL}", ""]))
    assert bench.command("calls") == 2
    assert "NOT_IN_THIS_SHELL" in capsys.readouterr().err
    assert bench.command("calls", "--storage", f"sqlite://{bench.database}") == 0
    assert "c-4512" in capsys.readouterr().out


def test_with_both_named_no_folder_is_needed(bench: Any, node: Any, capsys: Capture) -> None:
    bench.record(SignalState.ACCEPTED, ("accepted", 202, ""))
    named = ("--operations", f"http://127.0.0.1:{bench.port}", "--storage", f"sqlite://{bench.database}")
    assert main(["explain", "4512", *named, "--config", "/nonexistent"]) == 0
    assert "contact 4512" in capsys.readouterr().out
    assert node
