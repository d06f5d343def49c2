# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/simulators.md has a row for each fault that the simulated CXone knows, and its examples are taken."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from agent.simulators.cxone.answers import ANSWERS
from agent.simulators.cxone.faults import TARGETS, Fault, Faults, Mode

PAGE = (Path(__file__).parents[2] / "docs" / "simulators.md").read_text()
EXAMPLES = re.findall(r"faults -d '([^']+)'", PAGE)


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    _, _, section = PAGE.partition(f"\n## {heading}\n")
    lines = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("| ")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split(" | ")] for line in lines[2:]]


@pytest.mark.parametrize(
    ("heading", "known"),
    [
        ("Targets", TARGETS),
        ("Fields of a fault", tuple(Fault.model_fields)),
        ("Modes", get_args(Mode)),
        ("Ready answers", tuple(ANSWERS)),
    ],
)
def test_each_is_in_its_table_and_nothing_else_is(heading: str, known: tuple[str, ...]) -> None:
    assert tuple(row[0] for row in rows(heading)) == known


def test_the_defaults_are_those_of_the_code() -> None:
    unset: Any = {"none": ("", None), "any": ("",), "no end": (None,)}
    for name, default, _ in rows("Fields of a fault"):
        found = Fault.model_fields[name].default
        written = json.dumps(found) if not isinstance(found, str) else found
        assert found in unset.get(default, ()) or written == default, name


def test_the_answers_have_the_status_that_is_said() -> None:
    for name, told in rows("Ready answers"):
        fault = Fault(answer=name)
        assert told.startswith(str(fault.status) if fault.mode == "status" else fault.mode), name


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_are_taken(example: str) -> None:
    faults = Faults()
    for target, several in json.loads(example).items():
        listed = several if isinstance(several, list) else [several]
        faults.put(target, [Fault.model_validate(one) for one in listed])
    assert faults.listing()


def test_there_are_examples() -> None:
    assert EXAMPLES
