# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads packets as Wireshark does: by tshark, which deploy/setup --tests installs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def rows(file: Path, *fields: str, only: str = "", options: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """These fields of each packet of a pcap file; ``only``: of those that a display filter lets through."""
    command = ["-T", "fields", *(word for name in fields for word in ("-e", name))]
    said = run(file, *options, *(("-Y", only) if only else ()), *command)
    return [tuple(line.split("\t")) for line in said.splitlines()]


def run(file: Path, *options: str) -> str:
    """What tshark says of a file."""
    program = shutil.which("tshark")
    assert program, "tshark is not installed: deploy/setup --tests does it"
    done = subprocess.run(
        [program, "-n", "-r", str(file), *options], capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
