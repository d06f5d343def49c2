# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheel: what an installed agent needs at run time is in it, and nothing that only a checkout has."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NEEDED = (
    "agent/load/scenarios/caller_signalling.xml",
    "agent/load/scenarios/voice_agent.xml",
    "agent/load/pages/report.html",
    "agent/simulators/demo_caller.xml",
    "agent/simulators/test_call.wav",
    "agent/http/console/templates/frame.html",
    "agent/http/console/assets/console.css",
    "agent/delivery/schema/script.py.mako",
)
"""One of each folder with files that are no Python; all the others are compared with the folder itself."""


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The files of the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("handoff_agent-*.whl")
    with zipfile.ZipFile(wheel) as packed:
        return set(packed.namelist())


def test_it_holds_every_file_of_the_package(names: set[str]) -> None:
    here = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "agent").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if name.startswith("agent/")} == here
    assert set(NEEDED) <= here


def test_it_holds_nothing_else_but_its_own_description(names: set[str]) -> None:
    others = {name.partition("/")[0] for name in names}
    assert {one for one in others if not one.endswith(".dist-info")} == {"agent"}
    (entry,) = (name for name in names if name.endswith("entry_points.txt"))
    assert any(name.endswith("licenses/LICENSE") for name in names), entry
