# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the configuration is the one that the models give."""

from __future__ import annotations

from pathlib import Path

from agent.cli.schema import FILES
from agent.core.model import PLACEHOLDERS
from agent.settings.documentation import markdown

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(FILES.values())


def test_the_page_names_each_placeholder() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in PLACEHOLDERS if f"{{{name}}}" not in text] == []


def test_each_row_has_a_meaning() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert [row for row in rows if row.split("|")[-2].strip() == ""] == []
