# SPDX-License-Identifier: GPL-3.0-or-later
"""Two loads held against each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.core.errors import AgentError
from agent.load.comparing import write
from agent.load.comparison import Comparison, compare, read
from agent.load.course import Course, figures
from agent.load.limits import judge, limits_of
from agent.load.outcome import Outcome, keep
from tests.load.courses import course, plan


def kept(folder: Path, of: Course) -> Path:
    keep(Outcome(of, judge(limits_of(["failures=0"], []), figures(of)), "here"), folder)
    return folder


def compared(tmp_path: Path, a: Course, b: Course) -> Comparison:
    return compare(read(kept(tmp_path / "a", a)), read(kept(tmp_path / "b", b)))


def verdicts(found: Comparison) -> dict[str, str]:
    return {row.name: row.verdict for row in found.rows}


def test_a_large_difference_is_better_or_worse(tmp_path: Path) -> None:
    found = compared(tmp_path, course(wait=0.01), course(wait=0.05, failed=20))
    told = verdicts(found)
    assert (told["setup_p50"], told["failures"], told["cpu"], found.worse) == ("worse", "worse", "same", True)
    other = compared(tmp_path / "back", course(wait=0.05, failed=20), course(wait=0.01))
    assert (verdicts(other)["setup_p50"], other.worse) == ("better", False)


def test_a_small_difference_is_noise(tmp_path: Path) -> None:
    found = compared(tmp_path, course(wait=0.01, failed=3), course(wait=0.0105, failed=4))
    told = verdicts(found)
    assert (told["setup_p50"], told["failures"]) == ("noise", "noise")
    assert found.verdict == "no difference beyond noise"


def test_runs_that_were_not_alike_are_told_apart(tmp_path: Path) -> None:
    found = compared(tmp_path, course(), course(plan=plan(rate=20, length=10)))
    assert found.differs == ("rate",)


def test_the_page_holds_both(tmp_path: Path) -> None:
    write(compared(tmp_path, course(), course(wait=0.05)), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "B is worse: " in page
    assert "<script" not in page


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "can't be read: No such file or directory; give the folder of a load"),
        ("rubbish", "it is not JSON"),
        ("[]", "is no result of a load"),
        (json.dumps({"figures": {}, "version": 99}), "has version 99"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "result.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(AgentError, match=says):
        read(path)
