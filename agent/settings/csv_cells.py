# SPDX-License-Identifier: GPL-3.0-or-later
"""The cells of a line of CSV (RFC 4180), each with its place; none goes on in the next line.

Python's own reader knows no columns, and takes a quote that is never closed for one cell of many lines.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

SEPARATORS: Final = ",;"


class Cell(NamedTuple):
    """A cell without its quotes; ``column`` counts characters from 1, where it begins."""

    text: str
    column: int


class CellError(Exception):
    """What is wrong with a line, and at which column."""

    def __init__(self, column: int, text: str) -> None:
        super().__init__(text)
        self.column = column


def separator_of(line: str) -> str:
    """What separates the cells of a line: the first of ``,`` and ``;`` outside of quotes."""
    bare = re.sub(r'"[^"]*"', "", line)
    return next((character for character in bare if character in SEPARATORS), SEPARATORS[0])


def is_blank(line: str) -> bool:
    """Whether no cell of a line has anything in it."""
    return not line.strip(SEPARATORS + " \t\xa0")


def cells_of(line: str, separator: str) -> list[Cell]:
    """The cells of a line; those without quotes lose the white space around them.

    Raises:
        CellError: a quote stands where none can.
    """
    found: list[Cell] = []
    at = 0
    while at <= len(line):
        cell, end = _cell(line, at, separator)
        found.append(cell)
        at = end + 1
    return found


def _cell(line: str, at: int, separator: str) -> tuple[Cell, int]:
    """The cell that begins there, and where the separator after it stands (or the line ends)."""
    begins = at
    while line[begins : begins + 1] == " ":
        begins += 1
    if line[begins : begins + 1] == '"':
        return _quoted(line, begins, separator)
    end = line.find(separator, at)
    end = len(line) if end < 0 else end
    plain = line[at:end]
    if '"' in plain:
        words = 'a quote stands within a cell: put all of the cell in quotes, and write "" for that one'
        raise CellError(at + plain.index('"') + 1, words)
    return Cell(plain.strip(), at + 1), end


def _quoted(line: str, begins: int, separator: str) -> tuple[Cell, int]:
    at = begins + 1
    while (closes := line.find('"', at)) >= 0 and line[closes + 1 : closes + 2] == '"':
        at = closes + 2
    if closes < 0:
        words = 'the quote that opens here is not closed in this line: close it, and write "" for one within'
        raise CellError(begins + 1, words)
    end = closes + 1
    while line[end : end + 1] == " ":
        end += 1
    if end < len(line) and line[end] != separator:
        words = f'something follows the closing quote: write {separator} there, or "" for a quote within'
        raise CellError(end + 1, words)
    return Cell(line[begins + 1 : closes].replace('""', '"'), begins + 1), end
