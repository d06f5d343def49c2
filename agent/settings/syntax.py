# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a text that is no YAML: the place where a person would look, and what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

import yaml

Place: TypeAlias = tuple[int, int]
"""Line and column, both from 0."""
_Told: TypeAlias = tuple[Place, str]
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_KEY = re.compile(r"""\s*(?:-\s+)?(?:"[^"]*"|'[^']*'|[^\s:{}\[\]"'#,]+)""")
_VALUED = re.compile(r":([ \t]|$)")
_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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
    quote = _swallowing(text, problem)
    if quote is not None:
        (line, column), last = quote
        return (
            line + 1,
            column + 1,
            f"the quote that opens here is closed in line {last + 1} only: close it here",
        )
    for words, told in _SORTS:
        if words in said:
            place, what = told(_Text(text), problem, context)
            return place[0] + 1, place[1] + 1, what
    return problem[0] + 1, problem[1] + 1, f"this line can't be read ({error.problem or error.context})"


def _swallowing(text: str, problem: Place) -> tuple[Place, int] | None:
    """Where a quoted text begins that ends lines further down, right before the problem; its last line."""
    found: tuple[Place, int] | None = None
    try:
        for token in yaml.scan(text, Loader=_BASE):
            start, end = token.start_mark, token.end_mark
            if (start.line, start.column) >= problem:
                break
            if (
                isinstance(token, yaml.ScalarToken)
                and not token.plain
                and end.line == problem[0] > start.line
            ):
                quoted = token.style in ("'", '"')
                found = ((start.line, start.column), end.line) if quoted else None
    except yaml.YAMLError:
        pass  # of what comes later
    return found


def _no_pair(line: str) -> tuple[int, str]:
    """For a line that was to be ``key: value`` and is not: the column, and what is wrong there."""
    indent = len(line) - len(line.lstrip())
    key = _KEY.match(line)
    end = key.end() if key else indent
    after = line[end:]
    if after.lstrip().startswith("\uff1a") or "\uff1a" in line[:end]:
        return line.index("\uff1a"), "this colon is another character (U+FF1A): write : and a space"
    if after.startswith(":") and after[1:2] and not after[1:2].isspace():
        return end, "a space is missing after this colon: write key: value"
    if after.startswith(":") and after[1:2] not in ("", " ", "\t"):
        return end + 1, f"this space is another character (U+{ord(after[1]):04X}): write a plain one"
    words = "a key without its colon: write key: value"
    text = line[indent:]
    if text.startswith(("//", ";")):
        words = "a remark begins with #"
    elif text.startswith("%"):
        words = "% at the beginning of a line has a meaning of its own in YAML: leave the line out"
    elif re.match(r"\[[^\],]*\]\s*(#|$)", text):
        words = "a section in brackets is no YAML: write key:, and its fields indented below"
    elif after.lstrip().startswith("="):
        words = "a key is followed by a colon, not by =: write key: value"
    return indent, words


def _odd_indentation(text: _Text, row: int) -> _Told | None:
    """Where a line is indented with what looks like a space and is none to YAML."""
    line = text.lines[row]
    column = len(line) - len(line.lstrip(" "))
    if not line[column:].strip() or not line[column].isspace():
        return None
    return (row, column), f"this space is another character (U+{ord(line[column]):04X}): write a plain one"


def _is_glued(line: str) -> bool:
    """Whether a line begins like an item of a list, and without a space after its dash."""
    return re.match(r"""\s*-[{\["'A-Za-z]""", line) is not None


def _dash(line: str, row: int) -> _Told:
    return (row, line.index("-")), "a space is missing after this -: write - value"


def _colon(text: _Text, problem: Place, _context: Place) -> _Told:
    before, _ = text.before_and_after(problem)
    row, line = problem[0], text.lines[problem[0]]
    if _is_glued(line):
        return _dash(line, row)
    key = _KEY.match(line)
    if key and key.end() < len(before) and not _VALUED.match(line[key.end() :].lstrip()):
        column, words = _no_pair(line)
        return (row, column), words
    if _VALUED.search(before):
        return problem, "a second colon in one value: put the value in quotes"
    above = text.last_word_before((row, 0))
    if _VALUED.search(text.lines[above[0]]) is None:
        column, words = _no_pair(text.lines[above[0]])
        return (above[0], column), words
    odd = _odd_indentation(text, above[0])
    if odd is not None:
        return odd
    column = len(before) - len(before.lstrip())
    return (row, column), "indented deeper than the line above, which has its value: align the two"


def _no_colon(text: _Text, _problem: Place, context: Place) -> _Told:
    line = text.lines[context[0]]
    opens, within = line[context[1] : context[1] + 1], line[context[1] + 1 :]
    if opens and opens in "'\"" and opens not in within:
        return context, "the quote that opens here is not closed in this line: close it here"
    if line[: context[1]].strip(" -"):
        return context, "a key without its colon: write key: value"
    column, words = _no_pair(line)
    return (context[0], column), words


def _directive(text: _Text, problem: Place, _context: Place) -> _Told:
    return (problem[0], 0), _no_pair(text.lines[problem[0]])[1]


def _no_document(text: _Text, problem: Place, _context: Place) -> _Told:
    """What ended the file early: a second document, or a first line that is a value and no key with one."""
    after = text.before_and_after(problem)[1]
    first = next((row for row, line in enumerate(text.lines) if re.match(r"\s*[^\s#]", line)), problem[0])
    last = text.last_word_before(problem)
    if after.startswith("%"):
        return _directive(text, problem, problem)
    if text.lines[last[0]].startswith("%"):
        return _directive(text, (last[0], 0), problem)
    if text.lines[last[0]].startswith("..."):
        return (last[0], 0), "the document ends here: one file holds one, leave ... out"
    line = text.lines[first]
    opens = line.lstrip()[:1]
    column, words = _no_pair(line)
    if opens and opens in "{[" and not words.startswith("a section"):
        return (
            problem,
            f"something follows what {opens} opened in line {first + 1}: write key: value, or all in it",
        )
    return (first, column), words


def _no_start(text: _Text, problem: Place, _context: Place) -> _Told:
    if text.at(problem) == "\t":
        return _tab(text, problem, problem)
    return problem, f"a value can't begin with {text.at(problem)}: put it in quotes"


def _tab(_text: _Text, problem: Place, _context: Place) -> _Told:
    return problem, "a tab stands here: indent with spaces"


def _meaning(text: _Text, problem: Place, context: Place) -> _Told:
    place = context if text.at(context) in "*&!%|>?" else problem
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


def _colon_in_brackets(_text: _Text, problem: Place, _context: Place) -> _Told:
    return problem, "a space is missing after this colon, or the text belongs in quotes"


def _no_content(text: _Text, problem: Place, _context: Place) -> _Told:
    found = text.at(problem)
    if found and found in "]}":
        return problem, f"{found} closes nothing: leave it out, or put the text in quotes"
    if found == ":":
        return problem, "a value can't begin with : here: put it in quotes"
    if found == ",":
        return problem, "nothing stands before this comma: leave it out"
    return text.last_word_before(problem), "what is open here is not closed: add ] or }"


def _no_key(text: _Text, problem: Place, _context: Place) -> _Told:
    before, after = text.before_and_after(problem)
    row, line = problem[0], text.lines[problem[0]]
    if _is_glued(line):
        return _dash(line, row)
    key = _KEY.match(line)
    if key and key.end() == problem[1] and after[:1] in (":", "\uff1a"):
        column, words = _no_pair(line)
        return (row, column), words
    if before.strip():
        return problem, "something follows the value: put all of it in one pair of quotes"
    above = text.last_word_before((row, 0))[0]
    line = text.lines[above]
    if above < row and not _VALUED.search(line.partition(" #")[0]) and re.match(r"\s*[A-Za-z]", line):
        column, words = _no_pair(line)
        return (above, column), words
    odd = _odd_indentation(text, row) or _odd_indentation(text, above)
    return odd or (problem, "the indentation fits no line above: align it with the keys that it belongs to")


def _no_dash(text: _Text, problem: Place, _context: Place) -> _Told:
    if _is_glued(text.lines[problem[0]]):
        return _dash(text.lines[problem[0]], problem[0])
    return problem, "a list goes on here: begin the line with -, or indent it as what it belongs to"


def _list_beside(_text: _Text, problem: Place, _context: Place) -> _Told:
    return problem, "a list can't begin beside its key: write it on the next line, or in [ ]"


def _another(_text: _Text, problem: Place, _context: Place) -> _Told:
    return problem, "a second document begins here: one file holds one, leave --- out"


_SORTS: tuple[tuple[str, Callable[[_Text, Place, Place], _Told]], ...] = (
    ("could not find expected ':'", _no_colon),
    ("mapping values are not allowed", _colon),
    ("expected <document start>", _no_document),
    ("found duplicate %", _directive),
    ("incompatible YAML document", _directive),
    ("mapping keys are not allowed", _meaning),
    ("undefined tag handle", _meaning),
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
    ("unexpected document indicator", _open_quote),
    ("escape character", _escape),
    ("Unicode character escape", _escape),
    ("hexdecimal number", _escape),
    ("found unexpected ':'", _colon_in_brackets),
    ("expected ',' or", _in_brackets),
    ("did not find expected node content", _no_content),
    ("did not find expected key", _no_key),
    ("did not find expected '-' indicator", _no_dash),
    ("block sequence entries are not allowed", _list_beside),
    ("found another document", _another),
)
"""What the parser says, and who knows more; the first that fits."""
