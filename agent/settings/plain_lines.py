# SPDX-License-Identifier: GPL-3.0-or-later
"""A short way through large number maps: plain lines are read without YAML's parser.

Nodes of a hundred thousand entries take seconds and hundreds of megabytes, and nearly all of them are one
line such as ``"9995550100": acme-care``. Lines of that kind are taken as they stand; what lies between them
is given to the parser piece by piece. Where that might differ from reading the whole file, that is done.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from yaml.nodes import MappingNode
from yaml.reader import Reader

from agent.core.model import is_label_name
from agent.settings.document import Document, is_plain_text, parse

EVERY = 4096
"""Lines after which it is told how far the reading is."""
MOST_PIECES = 1000
"""Pieces for the parser in one file; with more of them the whole is quicker."""
_FEW = 4096
"""Most entries have the projects and labels of others: of so many it is remembered what they are."""
_BREAKS = re.compile("[\t\r\x85\u2028\u2029]")
_HEAD = re.compile(r"numbers:(?: *| +#.*)")
_WORD = "[A-Za-z][A-Za-z0-9_-]*"
_KEY = r"[0-9+*\-. ]{1,80}"
_VALUE = rf'(?:{_WORD}|"[ !#-\[\]-~]*")'
_LABEL = f"{_WORD}: +{_VALUE}"
_LIST = rf"\[ *({_WORD}(?: *, +{_WORD})+) *\]"
_LONG = rf"\{{ *project: +({_WORD})(?: *, +labels: +\{{ *({_LABEL}(?: *, +{_LABEL})*) *\}})? *\}}"
_ENTRY = re.compile(rf"""( +)(?:"({_KEY})"|'({_KEY})'|([1-9][0-9]*)): +(?:({_WORD})|{_LIST}|{_LONG}) *""")
_ONE_LABEL = re.compile(f"({_WORD}): +({_VALUE})")


class Line(NamedTuple):
    """An entry of one line; ``number`` and columns count from 1.

    ``blamed`` is the column to blame for projects, 0 where that is the key's.
    """

    number: int
    column: int
    key: str
    projects: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]
    blamed: int = 0


@dataclass(slots=True)
class _Piece:
    """Lines that the parser must read."""

    first: int
    lines: list[str] = field(default_factory=list)

    def document(self, name: str) -> Document | None:
        """What they hold; None when it can't stand alone."""
        found = parse("numbers:\n" + "\n".join(self.lines), name, shift=self.first - 2)
        if not isinstance(found, Document) or len(found.root.value) != 1:
            return None
        return found if isinstance(found.root.value[0][1], MappingNode) else None


def plainly(
    text: str, name: str, told: Callable[[float], None] | None = None
) -> list[Line | Document] | None:
    """The entries of a number map, in their order; None when the file must be read as a whole.

    Args:
        text: the file.
        name: how mistakes call it.
        told: is told now and then which share is read.
    """
    if _BREAKS.search(text) or Reader.NON_PRINTABLE.search(text):
        return None
    try:
        found = list(_parts(text.split("\n"), told))
    except _Unclear:
        return None
    pieces = sum(isinstance(part, _Piece) for part in found)
    if pieces > MOST_PIECES or not found:
        return None
    result: list[Line | Document] = []
    for part in found:
        entry = part.document(name) if isinstance(part, _Piece) else part
        if entry is None:
            return None
        result.append(entry)
    return result


class _Unclear(Exception):  # noqa: N818 - never leaves this module
    pass


def _parts(lines: list[str], told: Callable[[float], None] | None) -> Iterator[Line | _Piece]:
    """Lines that are plain, and the pieces between them.

    Raises:
        _Unclear: what a line belongs to depends on more than it and the lines next to it.
    """
    start = next((at for at, line in enumerate(lines) if not _is_empty(line)), 0)
    if _HEAD.fullmatch(lines[start]) is None:
        raise _Unclear
    indent, piece = 0, None
    for number, line in enumerate(lines[start + 1 :], start + 2):
        if told is not None and number % EVERY == 0:
            told(number / len(lines))
        match = _ENTRY.fullmatch(line)
        plain = _line(number, match) if match is not None else None
        if plain is None and _is_empty(line):
            if piece is not None:
                piece.lines.append(line)
            continue
        depth = len(line) - len(line.lstrip(" "))
        indent = indent or depth
        if plain is not None:
            if depth != indent:
                raise _Unclear
            if piece is not None:
                yield piece
            piece = None
            yield plain
        else:
            piece = _continued(piece, number, line, depth - indent)
    if piece is not None:
        yield piece


def _continued(piece: _Piece | None, number: int, line: str, deeper: int) -> _Piece:
    """The piece with one more line, or a new one; ``deeper``: columns that it begins beyond the entries."""
    if "&" in line or line.lstrip(" ")[0] == "?":  # a name for elsewhere; a key without value
        raise _Unclear
    if piece is None:
        if deeper or line[0] != " " or line.lstrip(" ")[0] in ":-":
            raise _Unclear
        piece = _Piece(number)
    elif deeper < 0:
        raise _Unclear
    piece.lines.append(line)
    return piece


def _is_empty(line: str) -> bool:
    text = line.lstrip(" ")
    return not text or text[0] == "#"


def _line(number: int, match: re.Match[str]) -> Line | None:
    """An entry whose words are all texts to YAML; None for others, which need their own words."""
    indent, double, single, bare, project, several, long, labels = match.groups()
    names = _names(several or project or long)
    pairs = () if labels is None else _pairs(labels)
    if names is None or pairs is None:
        return None
    return Line(number, len(indent) + 1, double or single or bare, names, pairs)


@lru_cache(_FEW)
def _names(text: str) -> tuple[str, ...] | None:
    """Projects of an entry; None when one of them is no text to YAML, or is there twice."""
    names = tuple(re.split(" *, +", text.rstrip(" ")))
    return names if len(set(names)) == len(names) and all(map(is_plain_text, names)) else None


@lru_cache(_FEW)
def _pairs(text: str) -> tuple[tuple[str, str], ...] | None:
    """Labels of an entry; None as above."""
    found = _ONE_LABEL.findall(text)
    pairs = tuple((name, value.strip('"')) for name, value in found)
    return pairs if all(map(_is_sound, found)) and len(dict(pairs)) == len(pairs) else None


def _is_sound(pair: tuple[str, str]) -> bool:
    name, value = pair
    quoted = value.startswith('"')
    return is_plain_text(name) and is_label_name(name) and (value != '""' if quoted else is_plain_text(value))
