# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/features.md claims nothing without a test that is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| ---", "| feature"))
]
PROOF = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@cache
def names_in(path: str) -> frozenset[str]:
    """The names of the tests of a file, without importing it; none where there is no such file."""
    file = ROOT / path
    tree = ast.parse(file.read_text(encoding="utf-8") if file.is_file() else "")
    return frozenset(
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def test_there_are_rows_and_none_is_there_twice() -> None:
    names = [row[0] for row in ROWS]
    assert names
    assert len({*names}) == len(names)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_has_one_mark_and_what_goes_with_it(row: list[str]) -> None:
    _, mark, missing, proof = row
    assert mark in ("Y", "p", "-")
    assert bool(missing) == (mark == "p"), "what is done in part says what is missing, and nothing else does"
    assert bool(PROOF.findall(proof)) == (mark != "-"), "what is done is proven, what is not done is not"
    assert PROOF.sub("", proof).split() == [], "nothing but tests"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_test_that_a_row_names_is_there(row: list[str]) -> None:
    assert [f"{path}::{name}" for path, name in PROOF.findall(row[3]) if name not in names_in(path)] == []
