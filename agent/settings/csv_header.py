# SPDX-License-Identifier: GPL-3.0-or-later
"""The first line of a number map in CSV, which names its columns."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.core.model import is_label_name
from agent.core.numbers import parse_pattern
from agent.settings.csv_cells import Cell, CellError, cells_of, separator_of
from agent.settings.mistakes import Mistake

NUMBER: Final = "number"
PROJECT: Final = "project"
LABEL: Final = "label."
"""Before the name of a label that a column could not have else: ``label.project``."""
_OWN: Final = (NUMBER, PROJECT)
_LISTS: Final = ("label", "labels")
_HOW: Final = "write number,project and a column for each label"


@dataclass(frozen=True, slots=True)
class Header:
    """Which column is what, from 0; ``labels`` with their names, ``unnamed`` those without a title."""

    separator: str
    width: int
    number: int
    project: int | None
    labels: tuple[tuple[int, str], ...]
    unnamed: tuple[int, ...]


def header_of(line: str, name: str, number: int, *, needs_project: bool) -> Header | list[Mistake]:
    """What the columns are, or what is wrong with their titles.

    Args:
        line: the first one.
        name: how mistakes call the file.
        number: of the line, from 1.
        needs_project: lines that name no project have none.
    """
    separator = separator_of(line)
    try:
        cells = cells_of(line, separator)
    except CellError as error:
        return [Mistake(name, number, error.column, str(error))]
    own: dict[str, int] = {}
    labels: dict[str, int] = {}
    mistakes: list[Mistake] = []
    for at, cell in enumerate(cells):
        title = cell.text.strip()
        known, columns = (
            (title.lower(), own) if title.lower() in _OWN else (title.removeprefix(LABEL), labels)
        )
        objection = f"{title!r} is there twice: leave one out" if known in columns else _objection(title)
        if objection is not None:
            mistakes.append(Mistake(name, number, cell.column, objection))
        elif title:
            columns[known] = at
    for wanted in (NUMBER, *([PROJECT] if needs_project else [])):
        if wanted not in own:
            return [Mistake(name, number, 1, _missing(wanted, cells))]
    return mistakes or Header(
        separator,
        len(cells),
        own[NUMBER],
        own.get(PROJECT),
        tuple((at, label) for label, at in labels.items()),
        tuple(at for at, cell in enumerate(cells) if not cell.text.strip()),
    )


def title_of(label: str) -> str:
    """The title of a label's column: its name, with `LABEL` where a column of that name is something else."""
    return LABEL + label if label.lower() in (*_OWN, *_LISTS) else label


def _objection(title: str) -> str | None:
    if title.lower() in _LISTS:
        return f"each label has a column of its own: call it brand, say ({LABEL}{title} if that is its name)"
    if not title or title.lower() in _OWN or is_label_name(title.removeprefix(LABEL)):
        return None
    return f"{title!r} can't be a label (a letter, then letters, digits, _ and -): rename the column"


def _missing(column: str, cells: Sequence[Cell]) -> str:
    first = cells[0].text.strip()
    if "\t" in first:
        return "tabs separate the cells here: save it as CSV, with , or ; between them"
    try:
        parse_pattern(first)
    except ValueError:
        titles = [cell.text.strip() for cell in cells if cell.text.strip()]
        near = difflib.get_close_matches(column, [title.lower() for title in titles], n=1)
        remedy = f"rename {near[0]!r}" if near else f"{_HOW} in the first line"
        return f"no column is called {column}, only {', '.join(titles)[:200]}: {remedy}"
    return f"the first line is a rule already: {_HOW} above it"
