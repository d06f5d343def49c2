# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent load``: what it refuses, and every profile for a moment on real SIPp and the real agent."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from agent.cli.main import main
from agent.load.profiles import PROFILES
from agent.load.sipp import SCENARIOS
from tests.benchmarks.edge import edge
from tests.calls.harness.plan import CARE, TOKEN, VOICE_AGENT, Plan, carrier
from tests.calls.harness.ports import free_port
from tests.cli.loads import QUIET, load, result


def refused(*arguments: str) -> int:
    """The exit code of a command that ends before it starts anything."""
    try:
        return main(["load", *arguments])
    except SystemExit as ended:
        return int(ended.code or 0)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("smoke --target 192.0.2.1:5060 --number 1", "192.0.2.1 is not this machine"),
        ("smoke --target 127.0.0.1:5060", "--target needs --number"),
        ("smoke --number 1", "--number belongs to --target"),
        ("smoke --i-own 192.0.2.1", "--i-own belongs to --target"),
        ("smoke --transport tcp", "--transport tcp belongs to --target"),
        ("smoke --target 127.0.0.1 --number 1 --token abc", "--token is never written out"),
        ("media --target 127.0.0.1 --number 1 --transport tcp", "media goes over UDP only"),
        ("smoke --limit speed=1", "is no limit: write NAME=VALUE"),
        ("smoke --limit gap=50ms", "can't be judged: it needs the measured call"),
        ("smoke --target 127.0.0.1 --number 1 --limit errors=0", "can't be judged: it needs the agent's"),
        ("smoke --ramp up", "is no ramp"),
        ("smoke --search 9", "are no bounds"),
        ("smoke --search 5..9 --rate 3", "leave --rate and --ramp out"),
        ("smoke --rate 100000", "out of range"),
        ("smoke --cpu-of no-such-program-here", "no process has this name"),
        ("smoke --for soon", "is not a duration"),
        ("own --scenario missing.xml", "there is no such file"),
        ("own", "the following arguments are required: --scenario"),
        ("storm", "invalid choice: 'storm'"),
        ("compare nothing nowhere", "nothing can't be read"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    options: str,
    says: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refused(*options.split()) == 2
    told = capsys.readouterr().err
    assert says in told
    assert "Traceback" not in told
    assert list(tmp_path.rglob("*.json")) == []


def test_each_profile_says_what_it_does_its_rate_length_and_limits(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for profile in PROFILES.values():
        assert refused(profile.name, "--help") == 0
        said = " ".join(capsys.readouterr().out.split())
        assert f"{profile.rate:g} a second for {profile.length:g} s" in said
        assert f"Proves: {profile.proves}" in said
        assert f"Limits: {', '.join(profile.limits)}" in said
    assert refused("list", "--json") == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == list(PROFILES)


def test_no_place_for_the_report_is_told_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert refused("smoke", "--out", str(tmp_path / "file" / "report")) == 2
    assert "no report can be written to" in capsys.readouterr().err


# -- the real thing ------------------------------------------------------------------------------------------


@pytest.mark.calls
@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "measured"),
    [
        ("smoke", {"setup_p99", "signals_missing", "signals_twice", "cpu", "leftovers"}),
        ("signalling --rate 20 --for 3s", {"setup_p99", "signal_p99", "retransmissions"}),
        ("signalling --ramp 5..20/2s --for 3s", {"setup_p99"}),
        ("media --rate 4 --for 3s --hold 2s", {"loss", "gap", "rtp_lost"}),
        ("handoff --rate 5 --for 3s", {"signal_p99", "signals_twice"}),
        ("soak --rate 2 --for 4s --hold 1s --limit memory_growth=off", {"loss", "gap"}),
        ("flood --rate 5 --for 2s", {"flood_failures", "setup_p99"}),
    ],
)
async def test_a_profile_runs_within_its_limits(options: str, measured: set[str], tmp_path: Path) -> None:
    code, said = await load(*options.split(), *QUIET, "--limit", "reached=off", "--out", str(tmp_path))
    assert code == 0, said
    kept = result(tmp_path)
    assert "within all limits" in said
    assert measured <= set(kept["figures"]), kept["figures"]
    assert kept["totals"]["begun"] >= kept["totals"]["done"] > 0
    assert kept["nice"]["due"] >= kept["totals"]["done"]
    assert "<h1>Load: " in (tmp_path / "report.html").read_text()
    assert len((tmp_path / "samples.csv").read_text().splitlines()) >= 3


@pytest.mark.calls
@pytest.mark.slow
async def test_a_limit_that_does_not_hold_is_exit_code_1(tmp_path: Path) -> None:
    code, said = await load("smoke", *QUIET, "--limit", "setup_max=0ms", "--out", str(tmp_path), "--json")
    kept = json.loads(said.partition("\n")[0])
    assert (code, kept["exit_code"]) == (1, 1), said
    assert kept["verdict"] == "NOT within the limits: setup_max"


@pytest.mark.calls
@pytest.mark.slow
async def test_a_scenario_of_one_s_own_is_played(tmp_path: Path) -> None:
    mine = tmp_path / "mine.xml"
    mine.write_text((SCENARIOS / "caller_signalling.xml").read_text())
    code, said = await load(
        "own", "--scenario", str(mine), "--for", "2s", "--rate", "5", "--out", str(tmp_path / "out")
    )
    assert code == 0, said
    assert result(tmp_path / "out")["totals"]["done"] >= 5


@pytest.mark.calls
@pytest.mark.slow
async def test_a_scenario_that_sipp_can_t_read_is_told_in_one_line(tmp_path: Path) -> None:
    mine = tmp_path / "mine.xml"
    mine.write_text("<scenario><send></scenario>")
    code, said = await load("own", "--scenario", str(mine), "--out", str(tmp_path / "out"))
    assert code == 2, said
    assert "SIPp can't play mine.xml: " in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("version", "says"),
    [
        ("echo ' SIPp v3.5.2-TLS-PCAP.'", "SIPp 3.5.2 is too old: 3.6.1 or newer is needed"),
        ("exit 127", "is no SIPp: it tells no version"),
    ],
)
async def test_a_sipp_that_is_none_or_too_old_is_told_before_anything_starts(
    version: str, says: str, tmp_path: Path
) -> None:
    program = tmp_path / "sipp"
    program.write_text(f"#!/bin/sh\n{version}\n")
    program.chmod(0o700)
    path = f"{tmp_path}:{os.environ['PATH']}"
    code, said = await load("smoke", "--out", str(tmp_path / "out"), path=path)
    assert code == 2
    assert says in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


async def test_a_disk_that_takes_nothing_is_told_in_one_line(tmp_path: Path) -> None:
    code, said = await load("smoke", "--out", str(tmp_path / "out"), within=("prlimit", "--fsize=1"))
    assert code == 2
    assert "handoff-agent: the load can't keep its own files in " in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


async def test_a_machine_without_sipp_is_told_what_to_install(tmp_path: Path) -> None:
    code, said = await load("smoke", "--out", str(tmp_path), path=str(tmp_path))
    assert (code, said) == (
        2,
        "handoff-agent: SIPp is not installed: apt-get install sip-tester (Debian), or make setup\n",
    )


@pytest.mark.calls
@pytest.mark.slow
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_target_is_loaded_and_sipp_is_its_voice_agent(transport: str, tmp_path: Path) -> None:
    async with edge(50) as house:
        plan = house.plan
        code, said = await load(
            "signalling", "--target", f"localhost:{plan.sip}", "--number", CARE,
            "--token", "${env:LOAD_TOKEN}", "--answer-at", f"{VOICE_AGENT}:{plan.first}", "--metrics", f"http://127.0.0.1:{plan.operations}",
            "--cpu-of", str(house.agent.pid), "--rate", "5", "--for", "2s", *QUIET,
            "--transport", transport, "--out", str(tmp_path),
        )  # fmt: skip
    assert code == 0, said
    kept = result(tmp_path)
    assert {"cpu", "errors", "signals_failed"} <= set(kept["figures"])
    assert "signals_twice" not in kept["figures"]
    assert TOKEN not in json.dumps(kept)
    assert "answers OPTIONS: SIP/2.0 200" in said


def six(plan: Plan) -> None:
    """Everything on ::1."""
    plan.agent["sip"]["listen"] = [f"{one}://[::1]:{plan.sip}" for one in ("udp", "tcp")]
    plan.carriers["carriers"]["six"] = carrier("::1/128")
    project = plan.projects["acme-care"]
    targets = [{"uri": f"sip:bot@[::1]:{plan.first}"}]
    project["voice_agent"] = {**project["voice_agent"], "targets": targets}


@pytest.mark.calls
@pytest.mark.slow
@pytest.mark.parametrize("options", ["signalling --transport tcp", "handoff", "media --hold 1s"])
async def test_a_target_on_ipv6_is_loaded(options: str, tmp_path: Path) -> None:
    async with edge(50, six) as house:
        plan = house.plan
        code, said = await load(
            *options.split(), "--target", f"[::1]:{plan.sip}", "--number", CARE,
            "--token", "${env:LOAD_TOKEN}", "--answer-at", f"[::1]:{plan.first}",
            "--metrics", f"http://127.0.0.1:{plan.operations}", "--rate", "5", "--for", "2s", *QUIET,
            "--limit", "reached=off", "--limit", "retransmissions=off", "--out", str(tmp_path),
        )  # fmt: skip
    assert code == 0, said
    assert f"[::1]:{plan.sip} answers OPTIONS: SIP/2.0 200" in said
    assert result(tmp_path)["totals"]["done"] > 0
    if options.startswith("media"):
        assert {"loss", "gap"} <= set(result(tmp_path)["figures"])


async def test_a_target_where_nobody_is_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    code, said = await load(
        "smoke", "--target", f"127.0.0.1:{free_port()}", "--number", "1", "--out", str(tmp_path)
    )
    assert code == 2
    assert "nothing answers OPTIONS at 127.0.0.1:" in said
    assert said.count("\n") == 1


@pytest.mark.calls
@pytest.mark.slow
async def test_a_number_that_nobody_has_is_told_after_the_warm_up(tmp_path: Path) -> None:
    async with edge(50) as house:
        code, said = await load(
            "smoke", "--target", f"127.0.0.1:{house.plan.sip}", "--number", "123456", "--out", str(tmp_path)
        )
    assert code == 2, said
    assert "no call of the warm-up went well: the answer was 404" in said


@pytest.mark.calls
@pytest.mark.slow
async def test_a_search_finds_the_highest_rate_of_its_bounds(tmp_path: Path) -> None:
    code, said = await load(
        "signalling", "--search", "4..8", "--step", "2s", *QUIET, "--limit", "reached=off",
        "--out", str(tmp_path),
    )  # fmt: skip
    assert code == 0, said
    assert "8 calls a second are clean, and no more were tried: give a higher bound" in said
    assert [step["rate"] for step in result(tmp_path)["search"]["steps"]] == [4, 8]


@pytest.mark.calls
@pytest.mark.slow
async def test_two_loads_are_compared(tmp_path: Path) -> None:
    for name in ("a", "b"):
        code, said = await load("smoke", *QUIET, "--out", str(tmp_path / name))
        assert code == 0, said
    code, said = await load("compare", str(tmp_path / "a"), str(tmp_path / "b"))
    assert code in (0, 1)
    assert "setup_p50" in said
    assert (tmp_path / "b" / "comparison.html").exists()
