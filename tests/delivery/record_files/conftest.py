# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings and a small disk for record files."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.core.model.record_files import RecordFiles


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the files are."""
    return tmp_path / "records"


@pytest.fixture
def settings(place: Path) -> Callable[..., RecordFiles]:
    """Makes settings; what is given takes the place of a default."""

    def make(**changes: Any) -> RecordFiles:  # noqa: ANN401 - what YAML holds
        return RecordFiles.model_validate({"folder": str(place), **changes})

    return make


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for little."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["/bin/umount", "--lazy", str(disk)], check=True)
