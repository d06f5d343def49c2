# SPDX-License-Identifier: GPL-3.0-or-later
"""A few tests that failed are run again; a run that broke off, or that many tests failed, stays failed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness.once_more import AT_MOST, failed


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "ended"


def ended(kept: Path, code: int, *names: str) -> None:
    kept.write_text(json.dumps({"code": code, "failed": names}))


def test_nothing_is_run_again_where_no_test_was_run(kept: Path) -> None:
    with pytest.raises(SystemExit, match="no test was run"):
        failed(kept)


def test_a_few_that_failed_are_run_again(kept: Path) -> None:
    ended(kept, 1, "tests/a.py::one", "tests/b.py::two[x]")
    assert failed(kept) == ["tests/a.py::one", "tests/b.py::two[x]"]


@pytest.mark.parametrize("code", [2, 3, 4, 5])
def test_a_run_that_broke_off_stays_failed(kept: Path, code: int) -> None:
    ended(kept, code, "tests/a.py::one")
    with pytest.raises(SystemExit, match=f"code {code}"):
        failed(kept)


@pytest.mark.parametrize("many", [0, AT_MOST + 1])
def test_many_that_failed_or_none_stay_failed(kept: Path, many: int) -> None:
    ended(kept, 1, *(f"tests/a.py::test_{number}" for number in range(many)))
    with pytest.raises(SystemExit, match=f"{many} tests failed"):
        failed(kept)
