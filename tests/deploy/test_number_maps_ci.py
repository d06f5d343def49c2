# SPDX-License-Identifier: GPL-3.0-or-later
"""Number maps from Git: what docs/number-maps-ci.yaml runs is run for a sound request and a wrong one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
JOB = yaml.safe_load((ROOT / "docs/number-maps-ci.yaml").read_text(encoding="utf-8"))["jobs"]["maps"]
STEPS = [step["run"] for step in JOB["steps"] if "run" in step]
AUTHOR = {
    f"GIT_{who}_{what}": f"nobody{'@example.invalid' if what == 'EMAIL' else ''}"
    for who in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}


class Request:
    """A clone on a branch of its own, as a runner has it."""

    def __init__(self, folder: Path) -> None:
        self.clone = folder / "runner" / "clone"
        origin = folder / "origin"
        shutil.copytree(ROOT / "config", origin / "config")
        self.git(origin, "init", "-q", "-b", "main")
        self.git(origin, "add", "-A")
        self.git(origin, "commit", "-qm", "the maps")
        self.clone.parent.mkdir()
        self.git(folder, "clone", "-q", str(origin), str(self.clone))
        self.map = next((self.clone / "config/numbers").glob("*.yaml"))

    def git(self, where: Path, *arguments: str) -> None:
        """Run git there, whatever the machine has set for it."""
        alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        command = [shutil.which("git") or "git", *arguments]
        subprocess.run(command, cwd=where, check=True, env={**os.environ, **AUTHOR, **alone})

    def propose(self, line: str) -> None:
        """Add a line to the map, and commit it."""
        with self.map.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
        self.git(self.clone, "commit", "-qam", "more numbers")

    def steps(self) -> list[subprocess.CompletedProcess[str]]:
        """What each step said; the first that fails is the last."""
        environment = {
            **os.environ,
            **JOB["env"],
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "GITHUB_BASE_REF": "main",
        }
        done = []
        for step in STEPS:
            command = ["bash", "-e", "-c", step]
            done.append(
                subprocess.run(
                    command, cwd=self.clone, env=environment, capture_output=True, text=True, check=False
                )
            )
            if done[-1].returncode:
                break
        return done


@pytest.fixture
def request_of(tmp_path: Path) -> Request:
    return Request(tmp_path)


def test_a_sound_one_shows_what_moves(request_of: Request) -> None:
    request_of.propose('  "9995550987": acme-care')
    check, diff = request_of.steps()
    assert check.returncode == 0, check.stdout + check.stderr
    assert diff.returncode == 0, diff.stdout + diff.stderr
    assert "9995550987 appears" in diff.stdout


def test_a_wrong_one_ends_with_the_place_of_its_mistake(request_of: Request) -> None:
    request_of.propose('  "9995550987": nobody')
    (check,) = request_of.steps()
    assert check.returncode == 1
    lines = len(request_of.map.read_text(encoding="utf-8").splitlines())
    assert f"config/numbers/{request_of.map.name}:{lines}:" in check.stdout
