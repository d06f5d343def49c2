# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Commands find one of several agents of a folder by its number."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from agent.core.moments import Moment, SignalState

Capture = pytest.CaptureFixture[str]
LOOKS = (("calls",), ("reload",), ("hangup", "c-1"), ("loglevel",), ("capture", "--list"), ("doctor",))


@pytest.fixture
def first() -> Iterator[socket.socket]:
    """Holds the port of the first instance, so that nobody listens there."""
    with socket.socket() as held:
        yield held


@pytest.fixture
def two(bench: Any, first: socket.socket) -> Any:
    """The folder has two instances; the agent that runs is the second."""
    for step in count(10):
        with suppress(OSError):
            first.bind(("127.0.0.1", bench.port - step))
            break
    bench.edit("agent.yaml", f"127.0.0.1:{bench.port}", f"127.0.0.1:{bench.port - step}")
    with (bench.config / "agent.yaml").open("a", encoding="utf-8") as file:
        file.write(f"instances: {{count: 2, http: {step}}}\n")
    return bench


def test_the_running_one_is_asked(two: Any, node: Any, first: socket.socket, capsys: Capture) -> None:
    node.live = [{"call_id": "c-live"}]
    assert two.command("hangup", "c-live", "--instance", "2") == 0
    assert node.hung_up == ["c-live"]
    assert two.command("hangup", "c-live", "--instance", "1") == 2
    assert f"no agent listens on http://127.0.0.1:{first.getsockname()[1]}" in capsys.readouterr().err


def test_its_record_is_read(two: Any, capsys: Capture) -> None:
    two.database = two.database.with_name("agent-2.db")
    two.record(SignalState.ACCEPTED, ("accepted", 202, ""), moment=Moment.ARRIVAL)
    assert two.command("signals", "list", "--contact", "4512", "--instance", "2") == 0
    assert "4512" in capsys.readouterr().out
    assert two.command("signals", "list", "--contact", "4512", "--instance", "1") == 2
    assert "agent-1.db does not exist" in capsys.readouterr().err


@pytest.mark.parametrize("command", LOOKS)
def test_without_a_number_it_is_said_that_one_is_needed(
    two: Any, capsys: Capture, command: tuple[str, ...]
) -> None:
    assert two.command(*command) == 2
    said = capsys.readouterr().err
    assert "has instances: {count: 2}: say which with --instance N" in said
    assert said.count("\n") == 1


def test_one_that_is_not_there_is_told_of(two: Any, bench: Any, capsys: Capture) -> None:
    assert two.command("calls", "--instance", "3") == 2
    assert "there is no instance 3: instances.count is 2" in capsys.readouterr().err
    bench.edit("agent.yaml", "instances: {count: 2", "retention: {days: 2} # {")
    assert bench.command("calls", "--instance", "1") == 2
    assert "there is no instance 1: write instances: {count: 2}" in capsys.readouterr().err


def test_instances_that_can_t_be_read_are_told_of(two: Any, capsys: Capture) -> None:
    two.edit("agent.yaml", "instances: {count: 2", "instances: {count: many")
    assert two.command("calls", "--instance", "1") == 2
    assert "instances in" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "²"])
def test_what_is_no_number_is_refused(two: Any, capsys: Capture, number: str) -> None:
    with pytest.raises(SystemExit) as ended:
        two.command("calls", f"--instance={number}")
    assert ended.value.code == 2
    assert "is no instance: write a number from 1" in capsys.readouterr().err


def test_check_tells_what_each_of_them_is(two: Any, capsys: Capture) -> None:
    assert two.command("check") == 0
    said = capsys.readouterr().out
    assert "instance 2: edge-1-2, sip udp://127.0.0.1:5070 tcp://127.0.0.1:5070, rtp 24000-27999, " in said
    assert f"operations 127.0.0.1:{two.port}" in said
    assert two.command("check", "--json") == 0
    found = json.loads(capsys.readouterr().out)["instances"]
    assert [one["node"] for one in found] == ["edge-1-1", "edge-1-2"]
    assert two.command("check", "--instance", "2") == 0
    assert two.command("check", "--instance", "3") == 1


def test_an_agent_that_is_started_without_a_number_says_how(two: Any) -> None:
    command = [sys.executable, "-m", "agent.cli.main", "run", "--config", str(two.config)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "there are 2 instances: start each with run --instance N, from 1" in found.stderr


def test_kamailio_is_told_of_all_of_them(two: Any, capsys: Capture) -> None:
    assert two.command("kamailio") == 0
    said = capsys.readouterr().out
    assert "1 sip:127.0.0.1:5060 8 0 rweight=1;duid=edge-1-1\n" in said
    assert "1 sip:127.0.0.1:5070 8 0 rweight=1;duid=edge-1-2\n" in said
    two.edit("agent.yaml", "udp://127.0.0.1:5060, tcp://127.0.0.1:5060", "udp://0.0.0.0:5060")
    assert two.command("kamailio") == 2
    assert "its instances listen on all addresses" in capsys.readouterr().err
