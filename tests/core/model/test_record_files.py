# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be written into ``records``, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from agent.core.model import Agent
from agent.core.model.record_files import RecordFiles


def test_no_file_is_written_unless_it_is_asked_for() -> None:
    assert Agent.model_validate({"node": "edge-1"}).records is None


def test_a_folder_is_enough() -> None:
    made = RecordFiles.model_validate({"folder": "records"})
    assert made.folder == Path("records")
    assert (made.rotate.size, made.rotate.daily, made.compress, made.keep) == (
        100_000_000,
        True,
        "gzip",
        None,
    )


@pytest.mark.parametrize(
    ("written", "size"), [("64kB", 64_000), ("1 GB", 10**9), ("100MB", 10**8), (250_000, 250_000)]
)
def test_sizes_are_written_as_people_do(written: object, size: int) -> None:
    made = RecordFiles.model_validate({"folder": "r", "rotate": {"size": written}})
    assert made.rotate.size == size


@pytest.mark.parametrize("written", ["100", "1 KiB", "1TB", "-5MB", "", True, 1.5, "63kB", "101GB", 10])
def test_a_size_that_is_none_is_refused_with_what_would_be_right(written: object) -> None:
    with pytest.raises(ValidationError, match=r"write (500kB|a size from 64kB)"):
        RecordFiles.model_validate({"folder": "r", "rotate": {"size": written}})


@pytest.mark.parametrize(
    "change",
    [{"folder": ""}, {"folder": 5}, {"compress": "zip"}, {"keep": "0s"}, {"rotate": {"weekly": True}}],
)
def test_other_mistakes_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RecordFiles.model_validate({"folder": "r", **change})
