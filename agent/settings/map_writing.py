# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules written as a number map, in YAML or CSV, such that reading it gives the same rules."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from agent.core.errors import SettingsError
from agent.core.numbers import NumberRule
from agent.settings.csv_header import NUMBER, PROJECT, title_of
from agent.settings.csv_lines import SEVERAL
from agent.settings.document import is_plain_text

_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_WRITABLE: Final = 0o644


class NotWritableError(SettingsError):
    """A map can't be written so, or not there."""


def yaml_text(rules: Iterable[NumberRule]) -> str:
    """Rules as numbers/*.yaml, one a line."""
    lines = [f'  "{rule.pattern}": {_target(rule)}\n' for rule in rules]
    return f"numbers:\n{''.join(lines)}" if lines else "numbers: {}\n"


def csv_text(rules: Sequence[NumberRule]) -> str:
    """Rules as numbers/*.csv.

    Raises:
        NotWritableError: a label has what a cell can't hold, such as a line break.
    """
    names = list(dict.fromkeys(name for rule in rules for name in rule.labels))
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([NUMBER, PROJECT, *map(title_of, names)])
    quoting = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for rule in rules:
        cells = [rule.pattern, SEVERAL.join(rule.projects), *(rule.labels.get(name, "") for name in names)]
        if any(_CONTROL.search(cell) for cell in rule.labels.values()):
            raise NotWritableError(
                f"{rule.place}: a label has a control character, which a CSV can't hold: write YAML"
            )
        spaced = any(cell != cell.strip() for cell in cells)
        (quoting if spaced else writer).writerow(cells)
    return file.getvalue()


WRITERS: Final[dict[str, Callable[[Sequence[NumberRule]], str]]] = {"csv": csv_text, "yaml": yaml_text}
"""By what a file's name ends with."""


def write_atomically(path: Path, text: str) -> None:
    """Put a file in place as a whole: who reads it meanwhile sees the old one or this, also after a crash.

    Raises:
        NotWritableError: it can't be.
    """
    target = path.resolve()
    beside = target.with_name(f".{target.name}.new")  # hidden: the agent, which watches, passes it over
    try:
        mode = target.stat().st_mode & 0o777 if target.exists() else _WRITABLE
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
        _sync(target.parent)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise NotWritableError(f"{path} can't be written: {error.strerror or error}") from None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _target(rule: NumberRule) -> str:
    projects = _projects(rule.projects)
    if not rule.labels:
        return projects
    labels = ", ".join(f"{_word(name)}: {_word(value)}" for name, value in rule.labels.items())
    return f"{{project: {projects}, labels: {{{labels}}}}}"


@cache
def _projects(names: tuple[str, ...]) -> str:
    return _word(names[0]) if len(names) == 1 else f"[{', '.join(map(_word, names))}]"


def _word(text: str) -> str:
    if _WORD.fullmatch(text) and is_plain_text(text):
        return text
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    """A character in double quotes (YAML 1.1 section 5.6)."""
    if character in '"\\':
        return f"\\{character}"
    return f"\\u{ord(character):04X}" if _CONTROL.match(character) else character
