# SPDX-License-Identifier: GPL-3.0-or-later
"""The short way through a number map finds just what YAML's parser finds."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.settings import plain_lines
from agent.settings.document import Document, parse
from agent.settings.maps import Entry, MapReader
from agent.settings.mistakes import Mistake
from agent.settings.plain_lines import Line, plainly

Found = tuple[list[Entry], set[Mistake]]

LINES = [
    '  "100": care',
    "  '101': care  ",
    "  102: care",
    '  "103*": care-2',
    '  "+104-109": care',
    '  "110": [care, sales]',
    '  "111": [ care , sales ] ',
    '  "112": [care, care]',
    '  "113": {project: care, labels: {brand: acme, shop: "12 b, {c: d}"}}',
    "  '114': { project: care, labels: { brand: acme } }",
    '  "115": {project: care, labels: {brand: acme, brand: other}}',
    '  "116": {project: care, labels: {brand: ""}}',
    '  "117": {project: care, labels: {no: yes}}',
    '  "118": {labels: {a: b}, project: care}',
    '  "118": { project: care }',
    '  "118": {project: care, }',
    '  "119": no',
    "  0120: care",
    '  " 121": care',
    '  "12 2": care',
    '  "123-100": care',
    '  "124": care # a remark',
    '  "125":',
    "    care",
    '  "126":',
    "  - care",
    '  "127": "care"',
    '  "128": &a care',
    '  "129": *a',
    '  "130": |',
    '  "131": >-',
    '  "132": [care,',
    '  "133": "care',
    "  '134': 'care",
    "  x'",
    '  x"',
    "  ]",
    "  ? 135",
    "  : care",
    "  - care",
    '    "136": care',
    ' "137": care',
    "# a remark",
    "      # a remark",
    "",
    "   ",
    "more: {}",
    "numbers:",
    "---",
    "...",
    '\t"138": care',
    '  "139": care\u2028',
    "  \u00a0",
    "  <<: {}",
]
HEADS = ["numbers:", "numbers: # here", "# a remark\nnumbers:  ", "numbers:#", "numbers: {}", " numbers:"]


def shortly(text: str) -> Found | Mistake:
    reader = MapReader()
    mistake = reader.read_map(text, "n.yaml")
    return mistake or (reader.entries, set(reader.mistakes))


def wholly(text: str) -> Found | Mistake:
    reader, document = MapReader(), parse(text, "n.yaml")
    if isinstance(document, Mistake):
        return document
    reader.read(document)
    return reader.entries, set(reader.mistakes)


@settings(max_examples=500)
@given(
    st.lists(st.sampled_from(LINES), max_size=8),
    st.sampled_from(
        ["numbers:", "numbers: # here", "# a remark\nnumbers:  ", "numbers:#", "numbers: {}", " numbers:"]
    ),
    st.sampled_from(["", "\n", "\r\n"]),
)
@example(['  "100": care', "    more"], "numbers:", "\n")
@example(['  "100": care', "  : care"], "numbers:", "\n")
@example(["  '134': 'care", '  "100": care', "  x'"], "numbers:", "")
@example(['  "133": "care', '  "100": care', '  x"'], "numbers:", "")
@example(['  "132": [care,', '  "100": care', "  ]"], "numbers:", "")
@example(['  "130": |', '  "100": care', '    "136": care'], "numbers:", "")
@example(['  "128": &a care', '  "100": care', '  "129": *a'], "numbers:", "")
@example(['  "128": &a care', '  "100": care', '  "128": &a care'], "numbers:", "")
@example(["  ? 135", '  "100": care'], "numbers:", "")
def test_it_finds_what_the_parser_finds(lines: list[str], head: str, end: str) -> None:
    text = "\n".join([head, *lines]) + end
    assert shortly(text) == wholly(text)


@pytest.mark.parametrize("line", LINES[:7] + LINES[8:10])
def test_plain_lines_need_no_parser(line: str) -> None:
    found = plainly(f"numbers:\n{line}\n", "n.yaml")
    assert found is not None
    assert [type(part) for part in found] == [Line]


def test_what_lies_between_plain_lines_is_a_piece_of_its_own() -> None:
    text = 'numbers:\n  "1": care\n\n  "2":\n    # why\n    care\n  "3": care\n  "4": {"project": care}\n'
    found = plainly(text, "n.yaml")
    assert found is not None
    assert [type(part) for part in found] == [Line, Document, Line, Document]
    assert shortly(text) == wholly(text)
    reader = MapReader()
    assert reader.read_map(text, "n.yaml") is None
    assert [entry.rule.line for entry in reader.entries] == [2, 4, 7, 8]


def test_a_file_in_more_pieces_than_are_of_use_is_read_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_lines, "MOST_PIECES", 1)
    text = 'numbers:\n  "1": {"project": care}\n  "2": care\n  "3": {"project": care}\n'
    assert plainly(text, "n.yaml") is None
    assert shortly(text) == wholly(text)
