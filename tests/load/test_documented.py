# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/load.md has every profile and every measure, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from agent.load.limits import MEASURES
from agent.load.profiles import PROFILES

TEXT = (Path(__file__).parents[2] / "docs/load.md").read_text()


def section(title: str) -> str:
    return TEXT.partition(f"## {title}\n")[2].partition("\n## ")[0]


def first_cells(text: str) -> list[str]:
    """The names in the first column of a table."""
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    return [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]


def test_each_profile_is_told_with_its_rate_and_what_it_proves() -> None:
    text = section("What a profile proves")
    assert first_cells(text) == list(PROFILES)
    for profile in PROFILES.values():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{profile.name}`"))
        if profile.name != "own":
            assert f"{profile.rate:g} " in row
            assert f"{profile.hold:g} s" in row


def test_each_measure_is_told() -> None:
    assert first_cells(section("Limits, verdict, exit code")) == list(MEASURES)
