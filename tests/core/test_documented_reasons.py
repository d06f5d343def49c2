# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/operations.md tells operators of each reason for which an INVITE is refused, with its status."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.core.reasons import Reason

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("## What a caller is told")[2].partition("\n## ")[0]
LINES = [line for line in TABLE.splitlines() if line.startswith("| ")][1:]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in LINES]
REFUSALS = [reason for reason in Reason if reason.code >= 300 and reason is not Reason.CANCELLED]


def _results(row: list[str]) -> list[str]:
    return re.findall(r"`(\w+)`", row[-1])


@pytest.mark.parametrize("reason", [one for one in REFUSALS if one is not Reason.INTERNAL])
def test_each_refusal_has_a_row_with_its_status(reason: Reason) -> None:
    answers = [row[2] for row in ROWS if reason.value in _results(row)]
    assert answers, f"docs/operations.md has no row of {reason.value}"
    assert any(str(reason.code) in answer for answer in answers)


def test_no_row_tells_of_a_reason_that_there_is_not() -> None:
    known = {reason.value for reason in Reason}
    assert [name for row in ROWS for name in _results(row) if name not in known] == []
