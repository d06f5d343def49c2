# SPDX-License-Identifier: GPL-3.0-or-later
"""numbers/*.csv: a rule a line, as carriers send lists and spreadsheets save them.

The first line names the columns: ``number``, ``project`` (several are separated by ``|``), and one for each
label. Cells are separated by what separates the titles there, ``,`` or ``;``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from yaml.reader import Reader

from agent.settings.csv_cells import CellError, cells_of, is_blank
from agent.settings.csv_header import Header, header_of
from agent.settings.mistakes import Mistake
from agent.settings.plain_lines import EVERY, Line

SEVERAL: Final = "|"
"""Between the projects of one number, of which the token decides."""
_OTHER_LISTS: Final = re.compile(r"\s*[,;/\s]\s*")
_SAYS_SEPARATOR: Final = re.compile(r'"?sep=[,;]"?', re.IGNORECASE)


def csv_lines(
    text: str, name: str, project: str = "", told: Callable[[float], None] | None = None
) -> Iterator[Line | Mistake]:
    """The rules of a file, in their order, and what is wrong with lines that are none.

    Args:
        text: the file.
        name: how mistakes call it.
        project: of lines that name none; empty: that is a mistake.
        told: is told now and then which share is read.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    odd = Reader.NON_PRINTABLE.search(text)
    if odd is not None:
        line, before = text.count("\n", 0, odd.start()) + 1, text.rfind("\n", 0, odd.start())
        what = f"a control character (U+{ord(odd[0]):04X}) stands here: leave it out"
        yield Mistake(name, line, odd.start() - before, what)
        return
    lines = text.split("\n")
    titles = (
        at for at, line in enumerate(lines) if not is_blank(line) and not _SAYS_SEPARATOR.fullmatch(line)
    )
    first = next(titles, None)
    if first is None:
        yield Mistake(name, 1, 1, "the file is empty: its first line names the columns, number,project")
        return
    header = header_of(lines[first], name, first + 1, needs_project=not project)
    if isinstance(header, Header):
        yield from _Rows(name, header, project).read(lines, first + 1, told)
    else:
        yield from header


@dataclass(slots=True)
class _Rows:
    """Reads the lines below the titles."""

    name: str
    header: Header
    project: str
    _projects: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def read(
        self, lines: Sequence[str], start: int, told: Callable[[float], None] | None
    ) -> Iterator[Line | Mistake]:
        separator = self.header.separator
        for at in range(start, len(lines)):
            line = lines[at]
            if told is not None and at % EVERY == 0:
                told(at / len(lines))
            if not line or is_blank(line):
                continue
            cells: Sequence[str]
            starts: Sequence[int] | None
            try:
                if '"' in line:
                    cells, starts = zip(*cells_of(line, separator), strict=True)
                else:
                    cells, starts = [cell.strip() for cell in line.split(separator)], None
                yield self._rule(at + 1, line, cells, starts)
            except CellError as error:
                yield Mistake(self.name, at + 1, error.column, str(error))

    def _rule(self, number: int, line: str, cells: Sequence[str], starts: Sequence[int] | None) -> Line:
        """The rule of a line; raises CellError."""
        header, count = self.header, len(cells)

        def column(index: int) -> int:
            """Where a cell begins, the last one if there are not so many."""
            if starts is not None:
                return starts[min(index, count - 1)]
            before = line.split(header.separator, index)[:index]
            return sum(map(len, before)) + min(index, count - 1) + 1 if index else 1

        if count > header.width or header.unnamed:
            self._all_named(cells, column)
        key = cells[header.number].strip() if header.number < count else ""
        if not key:
            raise CellError(column(header.number), "nothing stands where the number belongs: fill it in")
        at = header.number if header.project is None else header.project
        named = cells[at] if header.project is not None and at < count else ""
        projects = self._projects.get(named)
        if projects is None:
            try:
                projects = self._projects[named] = _projects(named.strip() or self.project)
            except ValueError as error:
                raise CellError(column(at), str(error)) from None
        labels = tuple((label, cells[at]) for at, label in header.labels if at < count and cells[at])
        return Line(number, column(header.number), key, projects, labels, column(at))

    def _all_named(self, cells: Sequence[str], column: Callable[[int], int]) -> None:
        """Refuse what stands in a column that has no title."""
        width, separator = self.header.width, self.header.separator
        for at in (*self.header.unnamed, *range(width, len(cells))):
            if at < len(cells) and cells[at].strip():
                what = f"the first line names {width} columns, and this is one more"
                if at < width:
                    what = "the first line has no title for this column"
                raise CellError(column(at), f"{what}: name it, or put a text with {separator} in quotes")


def _projects(text: str) -> tuple[str, ...]:
    """The projects that a cell names; raises ValueError."""
    if not text:
        raise ValueError("nothing stands where the name of a project belongs")
    names = tuple(name.strip() for name in text.split(SEVERAL))
    if "" in names:
        raise ValueError(f"a name is missing in {text!r}: write a project before and after each {SEVERAL}")
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        raise ValueError(f"{twice} is listed twice: leave one out")
    if len(names) == 1 and len(parts := _OTHER_LISTS.split(text)) > 1 and all(parts):
        raise ValueError(f"several projects are separated by {SEVERAL}: write {SEVERAL.join(parts)}")
    return names
