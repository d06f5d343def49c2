# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that are no YAML: the line a person would look at, in words that say what would be right."""

from __future__ import annotations

from typing import Protocol

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.core.model import Snapshot
from agent.settings.document import Document, parse


class Folder(Protocol):
    """The folder of conftest.py."""

    def write(self, name: str, text: str) -> None:
        """Replace a file."""

    def load(self) -> Snapshot:
        """Load it."""

    def mistakes(self) -> list[str]:
        """What loading it finds wrong."""


BROKEN = [
    ("node: [\nlog: {}\n", "1:7", "the [ that opens here is not closed: add ]"),
    ("node: [\n", "1:7", "what is open here is not closed: add ] or }"),
    ("a: [b, c\nlog: {}\n", "1:4", "the [ that opens here is not closed: add ]"),
    ("a: {b: c\nd: e\n", "1:4", "the { that opens here is not closed: add }"),
    ("a: {b: c]}\n", "1:9", "a comma or } is missing here"),
    ("a: }\n", "1:4", "} closes nothing"),
    ("node edge-1\nlog: {}\n", "1:1", "a key without its colon: write key: value"),
    ("node: e\nlog\n", "2:1", "a key without its colon"),
    ("node: e\n  log: {}\n", "2:3", "indented deeper than the line above"),
    ("sip:\n   listen: a\n  x: b\n", "3:3", "the indentation fits no line above"),
    ("a: b: c\n", "1:5", "a second colon in one value: put the value in quotes"),
    ("node: e\n\tlog: {}\n", "2:1", "a tab stands here: indent with spaces"),
    ("a:\n\t- b\n", "2:1", "a tab stands here: indent with spaces"),
    ("a: @x\n", "1:4", "a value can't begin with @: put it in quotes"),
    ("numbers:\n  *: care\n", "2:3", "* has a meaning of its own in YAML here: put the text in quotes"),
    ("a: *x\n", "1:4", "* has a meaning of its own"),
    ("a: !<\n", "1:4", "! has a meaning of its own"),
    ("%a: b\n", "1:1", "% has a meaning of its own"),
    ("a: >x\n", "1:4", "> has a meaning of its own"),
    ("node: 'e\nlog: {}\n", "1:7", "the quote that opens here is never closed"),
    ('node: "e\nlog: {}\n', "1:7", "the quote that opens here is never closed"),
    ('a: "\\q"\n', "1:5", "a backslash in double quotes begins an escape"),
    ("a: 'it's'\n", "1:8", "something follows the value: put all of it in one pair of quotes"),
    ("- a\nb: c\n", "2:1", "a list goes on here"),
    ("a: - b\n", "1:4", "a list can't begin beside its key"),
    ("a: b\n---\nc: d\n", "2:1", "a second document begins here"),
    ("a: \x07\n", "1:4", "a control character (U+0007) stands here"),
    ("b: äöü\na: \x07\n", "2:4", "a control character (U+0007) stands here"),
    ("# a\nnode edge-1  # b\n\nlog: {}\n", "2:1", "a key without its colon: write key: value"),
    ("node:edge-1  # b\n\nlog: {}\n", "1:5", "a space is missing after this colon: write key: value"),
    ("node = edge-1  # b\nlog: {}\n", "1:1", "a key is followed by a colon, not by =: write key: value"),
    ("node:\xa0edge-1  # b\nlog: {}\n", "1:6", "this space is another character (U+00A0): write a plain one"),
    ("node:\xa0edge-1\nlog: {}\n", "1:6", "this space is another character (U+00A0)"),
    (
        "node\uff1aedge-1  # b\nlog: {}\n",
        "1:5",
        "this colon is another character (U+FF1A): write : and a space",
    ),
    ("// my node\n# b\nnode: edge-1\n", "1:1", "a remark begins with #"),
    ("[agent]\nnode = edge-1\n", "1:1", "a section in brackets is no YAML"),
    ("[a, b]\nc: d\n", "2:1", "something follows what [ opened in line 1"),
    ('{"a": 1}\n{"b": 2}\n', "2:1", "something follows what { opened in line 1"),
    ("a: b\n%YAML 1.1\n", "2:1", "% at the beginning of a line has a meaning of its own"),
    ("%YAML 1.1\na: b\n", "1:1", "% at the beginning of a line has a meaning of its own"),
    ("a:\n  b:\xa0c  # b\n  d: e\n", "2:5", "this space is another character (U+00A0)"),
    ("a:\n\xa0\xa0b: c\n  d: e\n", "2:1", "this space is another character (U+00A0)"),
    ("a:\n  b: c\n\xa0 d: e\n  f: g\n", "3:1", "this space is another character (U+00A0)"),
    ("a: [127.0.0.0/8, ::1]\n", "1:18", "a value can't begin with : here: put it in quotes"),
    ("a: {b: c, d:}\n", "1:12", "a space is missing after this colon, or the text belongs in quotes"),
    ('a:\n  "1": b\n  "2: c\n  "3": d\n', "3:3", "the quote that opens here is not closed in this line"),
    ("%YAML 2.0\n---\na: b\n", "1:1", "% at the beginning of a line has a meaning of its own"),
    ("a: b\n...\nc: d\n", "2:1", "the document ends here: one file holds one, leave ... out"),
    ("a: ? x\n", "1:4", "? has a meaning of its own in YAML here: put the text in quotes"),
    ("a: !x!y z\n", "1:4", "! has a meaning of its own"),
    ("http:\n  api 127  # b\n  operations: c\n", "2:3", "a key without its colon"),
    ("log:{level: info, format: json}\n", "1:4", "a space is missing after this colon"),
    ("log {level: info, format: json}\n", "1:1", "a key without its colon"),
    ('numbers:\n  "1: a\n  "2": b\n', "2:3", "the quote that opens here is closed in line 3 only"),
    ("a:\n  b: '45\"\nc: d  # it's\n", "2:6", "the quote that opens here is closed in line 3 only"),
    ('a: [b, "c]\nd: ["e"]\n', "1:8", "the quote that opens here is closed in line 2 only"),
    ('a: "\n---\nb"\n', "1:4", "the quote that opens here is never closed"),
    ('"1":a\n"2": b\n', "1:4", "a space is missing after this colon: write key: value"),
    ('a:\n  "1":b\n  "2": c\n', "2:6", "a space is missing after this colon: write key: value"),
    ("a:\n  -{b: c, d: e}\n", "2:3", "a space is missing after this -: write - value"),
    ('a:\n  -{b: "c:d", d: e}\n', "2:3", "a space is missing after this -: write - value"),
    ("a:\n  - b\n  -{c: d}\n", "3:3", "a space is missing after this -: write - value"),
    ('a: "\\ud800"\n', "1:7", "a backslash in double quotes begins an escape"),
]


@pytest.mark.parametrize(("text", "place", "words"), BROKEN)
def test_it_is_told_where_a_person_would_look(text: str, place: str, words: str) -> None:
    assert str(parse(text, "a.yaml")).startswith(f"a.yaml:{place}: not YAML: {words}")


@given(st.text(st.sampled_from("ab:-?,[]{}#&*!|>'\"%@`\\ \n\r\t\x85\u2028\x07\ufeff01~<=.")))
@example("[\r\r\r\r\r")
@example("\u2028\u2028{")
def test_no_text_is_without_words_or_a_place(text: str) -> None:
    found = parse(text, "a.yaml")
    if not isinstance(found, Document):
        assert found.line >= 1
        assert found.column >= 1
        assert "\n" not in found.text


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("010", "8 (octal)"),
        ("-017", "-15 (octal)"),
        ("1_000", "1000"),
        ("0x1F", "31"),
        ("0b11", "3"),
        ("+5", "5"),
        ("1:30", "90"),
        ("1_0.5", "10.5"),
        (".5", "0.5"),
        ("+1.5", "1.5"),
        (".inf", "inf"),
        (".nan", "nan"),
        ("1:30.5", "90.5"),
        ("010.5", "10.5"),
    ],
)
def test_a_number_that_shows_another_than_is_read_is_told(folder: Folder, written: str, read: str) -> None:
    told = f'YAML reads {written} as {read}: write a number in plain digits, a text in quotes, "{written}"'
    folder.write("agent.yaml", f"node: edge-1\nlimits: {{calls: {written}}}\n")
    assert folder.mistakes() == [f"agent.yaml:2:17: {told}"]
    folder.write("agent.yaml", f"node: {written}\n")
    assert folder.mistakes() == [f"agent.yaml:1:7: {told}"]


@pytest.mark.parametrize("written", ["0", "7", "100"])
def test_plain_digits_are_a_number(folder: Folder, written: str) -> None:
    folder.write("agent.yaml", f"node: edge-1\nmedia: {{silence_timeout: {written}}}\n")
    assert folder.load().agent.media.silence_timeout == int(written)
    folder.write("agent.yaml", f"node: edge-1\nmedia: {{silence_timeout: {written}.25}}\n")
    assert folder.load().agent.media.silence_timeout == int(written) + 0.25
