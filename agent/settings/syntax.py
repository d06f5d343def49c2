# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a text that is no YAML: the place where a person would look, and what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

import yaml

Place: TypeAlias = tuple[int, int]
"""Line and column, both from 0."""
_Told: TypeAlias = tuple[Place, str]
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


class _Text:
    """A text by lines, as marks count them."""

    def __init__(self, text: str) -> None:
        self.lines = [*_BREAK.split(text), ""]

    def at(self, place: Place) -> str:
        """The character there; empty at the end of a line."""
        return self.before_and_after(place)[1][:1]

    def before_and_after(self, place: Place) -> tuple[str, str]:
        """The line before and from the place on."""
        line = self.lines[min(place[0], len(self.lines) - 1)]
        return line[: place[1]], line[place[1] :]

    def last_word_before(self, place: Place) -> Place:
        """The last character before the place that is no space and no remark."""
        column = place[1]
        for line in reversed(range(min(place[0] + 1, len(self.lines)))):
            text = self.lines[line][: column if line == place[0] else None]
            text = re.sub(r"(^|\s)#.*", "", text).rstrip()
            if text:
                return line, len(text) - 1
        return 0, 0


def explain(text: str, error: yaml.MarkedYAMLError) -> tuple[int, int, str]:
    """Line and column (from 1) to blame, and what is wrong there."""
    mark = error.problem_mark or error.context_mark
    problem: Place = (mark.line, mark.column) if mark else (0, 0)
    start = error.context_mark
    context: Place = (start.line, start.column) if start else problem
    said = f"{error.context or ''}: {error.problem or ''}"
    for words, told in _SORTS:
        if words in said:
            place, what = told(_Text(text), problem, context)
            return place[0] + 1, place[1] + 1, what
    return problem[0] + 1, problem[1] + 1, f"this line can't be read ({error.problem or error.context})"


def _colon(text: _Text, problem: Place, _context: Place) -> _Told:
    before, _ = text.before_and_after(problem)
    if re.search(r":\s", before):
        return problem, "a second colon in one value: put the value in quotes"
    above = text.last_word_before((problem[0], 0))
    if re.search(r":(\s|$)", text.lines[above[0]]) is None:
        line = text.lines[above[0]]
        return (above[0], len(line) - len(line.lstrip())), "a key without its colon: write key: value"
    column = len(before) - len(before.lstrip())
    return (
        problem[0],
        column,
    ), "indented deeper than the line above, which has its value: align the two"


def _no_colon(_text: _Text, _problem: Place, context: Place) -> _Told:
    return context, "a key without its colon: write key: value"


def _no_start(text: _Text, problem: Place, _context: Place) -> _Told:
    if text.at(problem) == "\t":
        return _tab(text, problem, problem)
    return problem, f"a value can't begin with {text.at(problem)}: put it in quotes"


def _tab(_text: _Text, problem: Place, _context: Place) -> _Told:
    return problem, "a tab stands here: indent with spaces"


def _meaning(text: _Text, problem: Place, context: Place) -> _Told:
    place = context if text.at(context) in "*&!%|>" else problem
    return place, f"{text.at(place)} has a meaning of its own in YAML here: put the text in quotes"


def _open_quote(_text: _Text, _problem: Place, context: Place) -> _Told:
    return context, "the quote that opens here is never closed"


def _escape(_text: _Text, problem: Place, _context: Place) -> _Told:
    return problem, "a backslash in double quotes begins an escape: use single quotes, or write two of them"


def _in_brackets(text: _Text, problem: Place, context: Place) -> _Told:
    opens = text.at(context)
    closes = "]" if opens == "[" else "}"
    if problem[0] == context[0] and text.at(problem):
        return problem, f"a comma or {closes} is missing here"
    return context, f"the {opens} that opens here is not closed: add {closes}"


def _no_content(text: _Text, problem: Place, _context: Place) -> _Told:
    found = text.at(problem)
    if found and found in "]}":
        return problem, f"{found} closes nothing: leave it out, or put the text in quotes"
    if found == ",":
        return problem, "nothing stands before this comma: leave it out"
    return text.last_word_before(problem), "what is open here is not closed: add ] or }"


def _no_key(text: _Text, problem: Place, _context: Place) -> _Told:
    before, _ = text.before_and_after(problem)
    if before.strip():
        return problem, "something follows the value: put all of it in one pair of quotes"
    return problem, "the indentation fits no line above: align it with the keys that it belongs to"


def _no_dash(_text: _Text, problem: Place, _context: Place) -> _Told:
    return problem, "a list goes on here: begin the line with -, or indent it as what it belongs to"


def _list_beside(_text: _Text, problem: Place, _context: Place) -> _Told:
    return problem, "a list can't begin beside its key: write it on the next line, or in [ ]"


def _another(_text: _Text, problem: Place, _context: Place) -> _Told:
    return problem, "a second document begins here: one file holds one, leave --- out"


_SORTS: tuple[tuple[str, Callable[[_Text, Place, Place], _Told]], ...] = (
    ("could not find expected ':'", _no_colon),
    ("mapping values are not allowed", _colon),
    ("tab character", _tab),
    ("cannot start any token", _no_start),
    ("undefined alias", _meaning),
    ("scanning an alias", _meaning),
    ("scanning an anchor", _meaning),
    ("parsing a tag", _meaning),
    ("scanning a tag", _meaning),
    ("scanning a directive", _meaning),
    ("scanning a block scalar", _meaning),
    ("unexpected end of stream", _open_quote),
    ("escape character", _escape),
    ("hexdecimal number", _escape),
    ("expected ',' or", _in_brackets),
    ("did not find expected node content", _no_content),
    ("did not find expected key", _no_key),
    ("did not find expected '-' indicator", _no_dash),
    ("block sequence entries are not allowed", _list_beside),
    ("found another document", _another),
)
"""What the parser says, and who knows more; the first that fits."""
