# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent kamailio``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent.cli.main import main

EXAMPLE = Path(__file__).parents[2] / "config"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with a fleet."""
    folder = Path(shutil.copytree(EXAMPLE, tmp_path / "config"))
    with (folder / "agent.yaml").open("a", encoding="utf-8") as file:
        file.write('fleet: {nodes: [{name: edge-1, sip: "sip:10.0.0.11:5060"}]}\n')
    return folder


def test_the_lists_are_printed(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kamailio", "--config", str(config)]) == 0
    printed = capsys.readouterr().out
    assert "# dispatcher.list\n" in printed
    assert "1 sip:10.0.0.11:5060 8 0 rweight=1;duid=edge-1\n" in printed
    assert "# address.list\n" in printed
    assert "2 10.0.0.11 32 0 edge-1\n" in printed


def test_the_lists_are_written(config: Path, tmp_path: Path) -> None:
    into = tmp_path / "kamailio"
    into.mkdir()
    assert main(["kamailio", "--config", str(config), "--into", str(into)]) == 0
    assert sorted(path.name for path in into.iterdir()) == ["address.list", "dispatcher.list"]


def test_a_folder_that_is_not_there_is_told_of(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["kamailio", "--config", str(config), "--into", str(tmp_path / "none")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_without_a_fleet_it_is_said_what_to_write(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kamailio", "--config", str(EXAMPLE)]) == 2
    assert "has no fleet: write fleet: {nodes:" in capsys.readouterr().err
