# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 before, in and after each step of the write: each call that is over is in the files, once."""

from __future__ import annotations

import gzip
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agent.delivery.schema.steps import upgrade_sqlite

CALLS = 7
NEVER = 10**9
KILLED = -9
ROOT = Path(__file__).parents[3]


class Children:
    """Processes that end calls and write their records."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self.database = folder / "agent.db"
        self.records = folder / "records"
        upgrade_sqlite(self.database, 1.0)

    def run(self, at: int, when: str = "before") -> int:
        """Let one end calls and write what is over, until it dies at a step; gives how many there were."""
        asked = [str(self.database), str(self.records), CALLS, at, when]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def numbers(self) -> list[int]:
        """The numbers of all whole lines in the order of the files; one that is there twice counts once."""
        if not self.records.exists():
            return []
        files = sorted(path for path in self.records.iterdir() if not path.name.endswith(".part"))
        done = [path for path in files if path.name != "edge-1.jsonl"]
        packed = {path.name for path in done if path.suffix == ".gz"}
        text = b""
        for path in done:
            if path.suffix == ".gz":
                text += gzip.decompress(path.read_bytes())
            elif f"{path.name}.gz" not in packed:
                text += path.read_bytes()
        active = self.records / "edge-1.jsonl"
        text += active.read_bytes() if active.exists() else b""
        return [json.loads(line)["sequence"] for line in text.split(b"\n")[:-1]]

    def over(self) -> list[int]:
        """The numbers of all calls that are over in the storage."""
        with closing(sqlite3.connect(self.database)) as file:
            query = "SELECT record FROM calls WHERE ended IS NOT NULL ORDER BY record"
            return [number for (number,) in file.execute(query)]


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    command = [sys.executable, "-m", "tests.delivery.record_files.following"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as process:
        yield Children(process, tmp_path)
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "half", "after"])
def test_each_call_is_in_the_files_once_wherever_the_process_was_killed(
    children: Children, when: str
) -> None:
    steps = children.run(NEVER)
    assert steps > 40, "there is something to be killed at"
    assert children.numbers() == children.over()
    killed = 0
    for step in range(1, steps + 5):
        killed += children.run(step, when) == KILLED
        found = children.numbers()
        assert found == children.over()[: len(found)], (
            f"after {when} step {step}: in order, none twice, no gap"
        )
    assert killed > (steps / 15 if when == "half" else steps / 2), "most of them died"
    children.run(NEVER)
    assert children.numbers() == children.over()
    assert len(children.over()) == CALLS * (steps + 6)
