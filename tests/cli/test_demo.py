# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent demo``: which handoff its options mean, and real calls, one for each way back."""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from agent.cli import demo
from agent.cli.main import main
from agent.core.methods import Method, OnFailure
from agent.core.records import Way
from agent.simulators.combination import Combination
from tests.calls.harness.ports import free_port

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("handoff-agent")
CARE = Path("projects/acme-care.yaml")
_LOWEST_RTP = 20000


def parsed(*arguments: str) -> Combination:
    parser = argparse.ArgumentParser()
    demo.add(parser.add_subparsers())
    return demo.shown_by(parser.parse_args(["demo", *arguments]))


def test_by_default_it_is_asked_over_http_and_the_caller_is_released() -> None:
    assert parsed() == Combination(Way.HTTP, Method.RELEASE, None, finish_prompt=False, refer_refused=False)


def test_each_option_means_its_part_of_the_handoff() -> None:
    options = "--ask info --back bridge --on-signal-failure refer --finish-prompt --refuse-refer"
    assert parsed(*options.split()) == Combination(
        Way.INFO, Method.BRIDGE, OnFailure.REFER, finish_prompt=True, refer_refused=True
    )


@pytest.mark.parametrize("option", ["--ask", "--back", "--on-signal-failure"])
def test_what_it_does_not_know_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(option, "pigeon")
    assert ended.value.code == 2
    assert "pigeon" in capsys.readouterr().err


def test_a_handoff_that_can_t_happen_is_refused_before_anything_starts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--ask", "bye", "--finish-prompt"])
    assert ended.value.code == 2
    assert "a voice agent that has hung up says nothing more" in capsys.readouterr().err


# -- real calls ----------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The example configuration on free ports, with a record of its own."""
    copy = Path(shutil.copytree(ROOT / "config", tmp_path / "config"))
    # Below the ports that the example and the simulators have for RTP.
    free = (str(port) for port in iter(free_port, 0) if port < _LOWEST_RTP)
    ports = {port: next(free) for port in ("5060", "5070", "5075", "8080", "8081", "8090")}
    for path in copy.rglob("*.yaml"):
        path.write_text(re.sub(r"127\.0\.0\.1:(\d+)", lambda found: _moved(found, ports), path.read_text()))
    agent = yaml.safe_load((copy / "agent.yaml").read_text())
    (copy / "agent.yaml").write_text(
        yaml.safe_dump({**agent, "storage": f"sqlite://{tmp_path / 'agent.db'}"})
    )
    return copy


def _moved(found: re.Match[str], ports: dict[str, str]) -> str:
    return f"127.0.0.1:{ports.get(found[1], found[1])}"


async def run(*arguments: str) -> tuple[int, str]:
    """Exit code and all that was said."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM, *arguments, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


@pytest.mark.calls
@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "telling"),
    [
        (
            "--ask info --back release --finish-prompt",
            ["agent  INFO says", "delivery of the signal began only when it had fallen silent"],
        ),
        ("--ask bye --back refer", ["caller REFER with refer-to", "NOTIFY says SIP/2.0 200 OK"]),
        (
            "--ask http --back refer --refuse-refer",
            ["SIP/2.0 603 Decline", "the caller is given back by release", "nobody else was dialled"],
        ),
        ("--ask refer --back bridge", ["target us → INVITE", "human queue   from", "then the human queue"]),
        (
            "--ask http --back bridge --on-signal-failure keep",
            ['"caller": "kept"', "the caller heard the voice agent again after that"],
        ),
    ],
    ids=["release", "refer", "declined", "bridge", "keep"],
)
async def test_the_handoff_really_happens_and_every_line_of_the_verdict_holds(
    folder: Path, options: str, telling: list[str]
) -> None:
    before = (folder / CARE).read_text()
    code, said = await run("demo", "--config", str(folder), *options.split())
    verdict = said.partition("What happened\n")[2]

    assert (code, "  NO " in verdict) == (0, False), said
    assert verdict.count("  yes  ") >= 14, said
    assert [words for words in telling if words not in said] == [], said
    assert (folder / CARE).read_text() == before

    call_id = re.search(r"The story of call (c-\w+)", said)
    assert call_id is not None
    code, explained = await run("explain", call_id[1], "--config", str(folder))
    assert code == 0, explained
    assert f"the voice agent asked by {options.split()[1].upper()}" in explained
