# SPDX-License-Identifier: GPL-3.0-or-later
"""A file system of a test's own, in memory, that can be filled up or made read-only."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def mounted(place: Path, options: str) -> Iterator[Path]:
    """Put one there; only root can. `options` are those of tmpfs(5)."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    place.mkdir(exist_ok=True)
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["/bin/umount", "--lazy", str(place)], check=True)


def remount(place: Path, how: str) -> None:
    """Make it ``ro`` or ``rw``."""
    subprocess.run(["/bin/mount", "-o", f"remount,{how}", str(place)], check=True)


def fill(place: Path) -> Path:
    """Take all the room that is left; gives the file that does."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 512)
    return ballast
