# SPDX-License-Identifier: GPL-3.0-or-later
"""How ``handoff-agent load`` ends before its time: what it tells, what it keeps, and that nobody is left."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.calls.harness.waiting import eventually
from tests.cli.loads import loading, result

pytestmark = [pytest.mark.calls, pytest.mark.slow]

LONG = ("--rate", "5", "--for", "5m")


NEVER_UP = """#!/bin/sh
shift 2
case "$*" in *" run --config "*) touch "$(dirname "$0")/waits"; exec sleep 600 ;; esac
exec "$@"
"""
"""Stands in for setpriv, with which each child is started: the agent never comes up."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_one_that_has_placed_no_call_ends_without_a_report(
    number: signal.Signals, tmp_path: Path
) -> None:
    stub = tmp_path / "setpriv"
    stub.write_text(NEVER_UP)
    stub.chmod(0o700)
    path = f"{tmp_path}:{os.environ['PATH']}"
    async with loading("smoke", "--out", str(tmp_path / "new" / "out"), path=path) as one:
        await eventually((tmp_path / "waits").exists, 60, "the agent is waited for")
        one.process.send_signal(number)
        code, said = await one.ended()
        await eventually(lambda: not one.started(), what="all that it started has ended")
    assert code == 130, said
    assert said.endswith("interrupted before there was anything to report\n")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("options", "moment", "says"),
    [
        ("signalling --rate 1", rb"^warming up", "in the warm-up, whose calls do not count"),
        ("signalling --ramp 2..20/20s --hold 1m", rb"^signalling: ", "ended by the user"),
        ("media --rate 5", rb"s  rate .* up [1-9]", "ended by the user"),
        ("signalling --search 5..10 --step 30s", rb"^trying 5/s", "ended by the user"),
    ],
)
async def test_one_that_is_interrupted_reports_what_there_is(
    options: str, moment: bytes, says: str, tmp_path: Path
) -> None:
    async with loading(*options.split(), "--for", "30s", "--out", str(tmp_path)) as one:
        if moment.startswith(b"s  rate"):  # so does a line of the warm-up
            await one.says(rb"^\w+: .* for ")
        await one.says(moment)
        one.process.send_signal(signal.SIGINT)
        code, said = await one.ended()
        await eventually(lambda: not one.started(), what="all that it started has ended")
    assert code == 130, said
    assert "INTERRUPTED after" in said
    assert says in said
    kept = result(tmp_path)
    assert (kept["end"], kept["exit_code"]) == ("interrupted", 130)
    assert "<h1>Load: " in (tmp_path / "report.html").read_text()


async def test_one_that_is_interrupted_as_it_ends_has_its_report(tmp_path: Path) -> None:
    async with loading("smoke", "--for", "2s", "--out", str(tmp_path)) as one:
        await one.counts()
        one.process.send_signal(signal.SIGINT)
        code, said = await one.ended()
        await eventually(lambda: not one.started(), what="all that it started has ended")
    kept = result(tmp_path)
    assert (code in (0, 130), kept["exit_code"]) == (True, code), said
    assert (tmp_path / "report.html").exists()


async def test_a_second_interruption_ends_it_without_a_report(tmp_path: Path) -> None:
    async with loading("signalling", *LONG, "--hold", "1m", "--out", str(tmp_path / "out")) as one:
        await one.counts()
        one.process.send_signal(signal.SIGINT)
        await one.says(b"^ending the calls that are up")
        one.process.send_signal(signal.SIGINT)
        code, said = await one.ended()
        await eventually(lambda: not one.started(), what="all that it started has ended")
    if (tmp_path / "out").exists():  # it was quicker
        assert result(tmp_path / "out")["end"] == "interrupted", said
    else:
        assert (code, said) == (130, "interrupted again: ended without a report\n")


async def test_an_agent_that_dies_meanwhile_ends_the_load_with_a_report(tmp_path: Path) -> None:
    async with loading("signalling", *LONG, "--out", str(tmp_path)) as one:
        await one.counts()
        agent = next(pid for pid, command in one.started().items() if " run --config " in command)
        os.kill(agent, signal.SIGKILL)
        code, said = await one.ended()
        await eventually(lambda: not one.started(), what="all that it started has ended")
    assert code == 1, said
    assert "BROKEN OFF: agent ended early" in said
    assert result(tmp_path)["end"] == "died"


async def test_a_load_that_is_killed_leaves_nothing_running(tmp_path: Path) -> None:
    async with loading("signalling", *LONG, "--hold", "1m", "--out", str(tmp_path)) as one:
        await one.counts()
        assert len(one.started()) >= 4  # the simulated CXone, the agent and what it starts, SIPp on both ends
        one.process.kill()
        await eventually(lambda: not one.started(), what="all that it started has ended")
