# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit of systemd: sound, hardened, and nothing in it that the agent can't live with."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli.options import add_instance
from agent.delivery.record_files.packing import FILE_MODE

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy/systemd/handoff-agent.service"
NAMES = ("handoff-agent.service", "handoff-agent@.service")
_EXPOSURE_AT_MOST = 20
"""Tenths, as `systemd-analyze security` counts."""
_NO_WRITABLE_CODE = """
import ctypes, os, sys
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
refused = ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "--no-pager", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", NAMES)
def test_the_unit_has_no_mistake(tmp_path: Path, name: str) -> None:
    there = (UNIT.parent / name).read_text(encoding="utf-8").replace("/opt/handoff-agent", str(ROOT))
    unit = tmp_path / name
    unit.write_text(there.replace("Documentation=man:handoff-agent(1)\n", ""), encoding="utf-8")
    assert analyze("verify", str(unit)).stderr == ""


@pytest.mark.parametrize("name", NAMES)
def test_the_unit_is_hardened(tmp_path: Path, name: str) -> None:
    threshold = f"--threshold={_EXPOSURE_AT_MOST}"
    unit = Path(shutil.copy(UNIT.parent / name, tmp_path / name))  # as it is installed, and not a link
    found = analyze("security", "--offline=true", threshold, str(unit))
    assert found.returncode == 0, found.stdout[-500:]


def told(key: str) -> list[str]:
    lines = UNIT.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix(f"{key}=") for line in lines if line.startswith(f"{key}=")]


def test_one_text_serves_one_agent_and_several() -> None:
    assert (UNIT.parent / NAMES[1]).resolve() == UNIT
    (start,) = told("ExecStart")
    assert start.endswith(" --instance=%i")
    options = argparse.ArgumentParser()
    add_instance(options)
    assert [options.parse_args([f"--instance={name}"]).instance for name in ("", "2")] == [0, 2]


def test_the_group_may_read_what_is_meant_for_it_and_nobody_else_anything() -> None:
    (umask,) = (int(value, 8) for value in told("UMask"))
    assert FILE_MODE & ~umask == FILE_MODE
    assert 0o777 & ~umask & 0o007 == 0


def test_it_is_started_again_for_as_long_as_what_it_needs_is_away() -> None:
    assert told("Restart") == ["on-failure"]
    assert told("StartLimitIntervalSec") == ["0"]


def test_the_agent_lives_without_memory_that_is_both_written_and_run() -> None:
    command = str(ROOT / ".venv/bin/handoff-agent")
    found = subprocess.run(
        [sys.executable, "-c", _NO_WRITABLE_CODE, command, "check", "--config", str(ROOT / "config")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
