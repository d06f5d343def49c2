# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files are number maps, read one after the other; also as they would be after an edit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from agent.core.frozen import NOTHING
from agent.settings.document import content, text_of
from agent.settings.maps import CSV, MapReader
from agent.settings.mistakes import Mistake

NUMBERS: Final = "numbers"
YAML: Final = ".yaml"
_NOT_READ: Final = (".xlsx", ".xls", ".ods", ".tsv")
_OWN_OF_OFFICE: Final = "~$"

Told: TypeAlias = Callable[[str, float], None]
"""Is told what is being done, and which share of it (0 to 1) is done."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Number maps that are not in their files, or not yet.

    Attributes:
        texts: what these files would hold, by their paths; they need not exist.
        without: files that are passed over.
        alone: no other file is read than those of ``texts``.
        project: of lines of a CSV in ``texts`` that name none.
    """

    texts: Mapping[Path, bytes] = NOTHING
    without: frozenset[Path] = frozenset()
    alone: bool = False
    project: str = ""


NO_EDIT: Final = Edit()
BIG: Final = 1 << 20
"""Bytes of maps that take more than a moment to read."""


def map_bytes(folder: Path) -> int:
    """How large the number maps of a configuration are, as far as that can be told."""
    try:
        return sum(path.stat().st_size for path in (folder / NUMBERS).iterdir() if path.suffix in (YAML, CSV))
    except OSError:
        return 0


def read_maps(folder: Path, edit: Edit = NO_EDIT, told: Told | None = None) -> MapReader:
    """All rules of a configuration's number maps, and what is wrong within their files.

    Args:
        folder: the configuration.
        edit: what is read instead of files, or beside them.
        told: is told which file is read.
    """
    reader = MapReader()
    paths: Sequence[Path] = ()
    if not edit.alone:
        paths, mistakes = listed(folder / NUMBERS, "number map", (YAML, CSV), there=bool(edit.texts))
        reader.mistakes += mistakes
    for path in sorted({*paths, *edit.texts} - edit.without):
        name, given = str(path), edit.texts.get(path)
        text = content(path, name) if given is None else text_of(given, name)
        share = None if told is None else partial(told, f"reading {path.name}")
        project = "" if given is None else edit.project
        mistake = text if isinstance(text, Mistake) else reader.read_map(text, name, project, share)
        if mistake is not None:
            reader.mistakes.append(mistake)
    return reader


def listed(
    folder: Path, what: str, suffixes: Sequence[str], *, there: bool = False
) -> tuple[list[Path], list[Mistake]]:
    """The files of a folder that are read, in their order, and what is wrong with others.

    Args:
        folder: where they lie.
        what: such a file is.
        suffixes: of those that are read, the usual one first.
        there: one is known already: that there is none in the folder is no mistake.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        text = f"the folder is missing: create {folder} with a file for each {what}"
        return [], [] if there else [Mistake(str(folder), 1, 1, text)]
    mistakes = list(_passed_over(paths, suffixes))
    found = [path for path in paths if path.suffix in suffixes]
    if not found and not there:
        mistakes.append(Mistake(str(folder), 1, 1, f"there is no {what}: create {folder / 'NAME.yaml'}"))
    return found, mistakes


def _passed_over(paths: Sequence[Path], suffixes: Sequence[str]) -> Iterator[Mistake]:
    """Files that somebody meant to be read."""
    for path in paths:
        if path.suffix == ".yml":
            yield Mistake(str(path), 1, 1, "only *.yaml is read: rename it to .yaml")
        elif CSV in suffixes and path.suffix != CSV and path.suffix.lower() == CSV:
            yield Mistake(str(path), 1, 1, "only *.csv is read: rename it to .csv")
        elif CSV in suffixes and path.suffix in _NOT_READ and not path.name.startswith(_OWN_OF_OFFICE):
            yield Mistake(str(path), 1, 1, "a spreadsheet is not read: save it as CSV UTF-8, and remove it")
