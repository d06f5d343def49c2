# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings and a small disk for record files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.core.model.record_files import RecordFiles
from tests.faults.harness.disks import mounted


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
    with mounted(tmp_path / "disk", "size=64k") as place:
        yield place
