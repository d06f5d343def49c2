# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of the configuration is the one that the models give."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from agent.cli.schema import FILES
from agent.core.model import PLACEHOLDERS
from agent.settings.document import is_plain_text
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


def listed_values(schema: object) -> Iterator[str]:
    """The values of all enumerations anywhere in a schema."""
    if isinstance(schema, dict):
        yield from filter(lambda value: isinstance(value, str), schema.get("enum", ()))
        yield from (value for inner in schema.values() for value in listed_values(inner))
    elif isinstance(schema, list):
        yield from (value for inner in schema for value in listed_values(inner))


def test_each_listed_value_may_be_written_without_quotes() -> None:
    read_as_else = {
        value
        for _, model in FILES.values()
        for value in listed_values(model.model_json_schema())
        if not is_plain_text(value)
    }
    assert read_as_else == {"off"}  # test_loader.py: media.latch and reload_guard take it
