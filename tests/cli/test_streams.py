# SPDX-License-Identifier: GPL-3.0-or-later
"""A standard output that takes nothing is told in a line, whichever command writes to it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("handoff-agent")
CONFIG = Path(__file__).parents[2] / "config"
FULL = Path("/dev/full")
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


@pytest.mark.parametrize("more", [{}, {"PYTHONUNBUFFERED": "1"}])
@pytest.mark.parametrize("command", [("schema",), ("check", "--config", str(CONFIG))])
def test_a_full_disk_is_told_in_one_line(command: tuple[str, ...], more: dict[str, str]) -> None:
    with FULL.open("wb") as full:
        found = subprocess.run(
            [COMMAND, *command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env=BUFFERED | more,
        )
    lines = [line for line in found.stderr.splitlines() if not line.startswith("note: ")]
    assert lines == [
        "handoff-agent: standard output can't be written: No space left on device; what is there is cut off"
    ]
    assert found.returncode == 2
