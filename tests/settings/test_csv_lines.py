# SPDX-License-Identifier: GPL-3.0-or-later
"""Number maps in CSV: what is taken, and each mistake at its line and column."""

from __future__ import annotations

import pytest

from agent.settings.csv_lines import csv_lines
from agent.settings.maps import MapReader
from agent.settings.mistakes import Mistake

HEAD = "number,project,brand\n"


def rules(text: str, project: str = "") -> list[tuple[str, tuple[str, ...], dict[str, str], int]]:
    reader = MapReader()
    assert reader.read_map(text, "n.csv", project) is None
    assert reader.mistakes == []
    found = [entry.rule for entry in reader.entries]
    return [(rule.pattern, rule.projects, dict(rule.labels), rule.line) for rule in found]


def mistakes(text: str, project: str = "") -> list[str]:
    reader = MapReader()
    assert reader.read_map(text, "n.csv", project) is None
    return [f"{each.line}:{each.column}: {each.text}" for each in sorted(reader.mistakes)]


@pytest.mark.parametrize(
    "text",
    [
        "number,project,brand\n9995550100,care,acme\n99955503*,care,\n",
        "number,project,brand\r\n9995550100,care,acme\r\n99955503*,care,\r\n",
        "number,project,brand\r9995550100,care,acme\r99955503*,care\r",
        "Number;PROJECT;brand\n9995550100;care;acme\n99955503*;care;",
        'sep=;\nnumber;project;brand\n"9995550100"; care ;"acme"\n99955503*;"care"',
        "\n,,\n project , number , brand \n\ncare, 9995550100 ,acme,,\n;;\n,,\ncare,99955503*\n",
    ],
)
def test_it_is_read_however_it_was_saved(text: str) -> None:
    found = rules(text)
    assert [rule[:3] for rule in found] == [
        ("9995550100", ("care",), {"brand": "acme"}),
        ("99955503*", ("care",), {}),
    ]


def test_quotes_hold_separators_quotes_and_spaces() -> None:
    text = HEAD + '1,care,"a, ""b"" "\n2,care,a;b\n3,care|sales,"Ä"\n'
    assert [rule[2] for rule in rules(text)] == [{"brand": 'a, "b" '}, {"brand": "a;b"}, {"brand": "Ä"}]
    assert rules(text)[2][1] == ("care", "sales")
    assert [rule[3] for rule in rules(text)] == [2, 3, 4]


def test_a_label_may_be_called_as_a_column_is() -> None:
    assert rules("number,project,label.project,label.labels,label.x\n1,care,a,b,c\n")[0][2] == {
        "project": "a",
        "labels": "b",
        "x": "c",
    }


def test_lines_without_a_project_get_the_one_that_is_given() -> None:
    assert [rule[1] for rule in rules("number\n1\n2\n", "care")] == [("care",), ("care",)]
    assert [rule[1] for rule in rules("number,project\n1,\n2,sales\n", "care")] == [("care",), ("sales",)]


ROUNDED = "is a number that a spreadsheet has rounded, its last digits are lost: set the column to text"
DATE = "is a date, which a spreadsheet makes of a text such as 1-2: set the column to text"
MISTAKES = [
    ("", "1:1: the file is empty: its first line names the columns, number,project"),
    ("\n,,\n", "1:1: the file is empty"),
    (
        "9995550100,care\n",
        "1:1: the first line is a rule already: write number,project and a column for each",
    ),
    ("did,project\n1,care\n", "1:1: no column is called number, only did, project: write number,project and"),
    ("number,projct\n1,care\n", "1:1: no column is called project, only number, projct: rename 'projct'"),
    ("number\tproject\n1\tcare\n", "1:1: tabs separate the cells here: save it as CSV, with , or ; between"),
    ("number,project,Trunk Group\n", "1:16: 'Trunk Group' can't be a label (a letter, then letters, digits,"),
    ("number,project,b,b\n", "1:18: 'b' is there twice: leave one out"),
    ("number,project,b,label.b\n", "1:18: 'label.b' is there twice: leave one out"),
    ("number,Project,project\n", "1:16: 'project' is there twice: leave one out"),
    ("number,project,labels\n", "1:16: each label has a column of its own: call it brand, say (label.labels"),
    (HEAD + "9.99555E+09,care\n", f"2:1: 9.99555E+09 {ROUNDED}"),
    ("number;project\n9,99555E+09;care\n", f"2:1: 9,99555E+09 {ROUNDED}"),
    (
        HEAD + "9995550100.0,care\n",
        "2:1: 9995550100.0 is a number written as a fraction: write 9995550100, and",
    ),
    (HEAD + "02-Jan,care\n", f"2:1: 02-Jan {DATE}"),
    (HEAD + "2024-01-02,care\n", f"2:1: 2024-01-02 {DATE}"),
    (HEAD + '"=""0207""",care\n', '2:1: ="0207" is marked as text for a spreadsheet: write 0207'),
    (HEAD + "'0207,care\n", "2:1: '0207 is marked as text for a spreadsheet: write 0207"),
    (HEAD + "# old ones,care\n", "2:1: # old ones is no number: a CSV has no remarks"),
    (
        HEAD + "#REF!,care\n",
        "2:1: #REF! is no number: a CSV has no remarks, and a spreadsheet's errors begin so",
    ),
    (HEAD + "\u202a+44207\u202c,care\n", "2:1: an invisible character (U+202A) stands in this cell: enter"),
    (
        HEAD + "(999) 555-0100,care\n",
        "2:1: '(999) 555-0100' has separators, which a key has none of: write 999",
    ),
    (HEAD + ",care\n", "2:1: nothing stands where the number belongs: fill it in"),
    (HEAD + "1,,x\n", "2:3: nothing stands where the name of a project belongs"),
    (HEAD + "1\n", "2:2: nothing stands where the name of a project belongs"),
    (HEAD + "1,care|\n", "2:3: a name is missing in 'care|': write a project before and after each |"),
    (HEAD + "1,care|care\n", "2:3: care is listed twice: leave one out"),
    (HEAD + '1,"care, sales"\n', "2:3: several projects are separated by |: write care|sales"),
    (HEAD + "1,care/sales\n", "2:3: several projects are separated by |: write care|sales"),
    (HEAD + "1,care sales\n", "2:3: several projects are separated by |: write care|sales"),
    (
        HEAD + "1,care,x,y\n",
        "2:10: the first line names 3 columns, and this is one more: name it, or put a text",
    ),
    ("number;project;;b\n1;care;y;\n", "2:8: the first line has no title for this column: name it, or put a"),
    (HEAD + '1,"care\n', "2:3: the quote that opens here is not closed in this line: close it, and write"),
    (
        HEAD + '1,care,"x"y\n',
        "2:11: something follows the closing quote: write , there",
    ),
    (HEAD + '1,care,a "b"\n', "2:10: a quote stands within a cell: put all of the cell in quotes, and write"),
    (HEAD + "1,care,a\x01\n", "2:9: a control character (U+0001) stands here: leave it out"),
]


@pytest.mark.parametrize(("text", "wanted"), MISTAKES)
def test_each_mistake_is_told_at_its_cell(text: str, wanted: str) -> None:
    (found,) = mistakes(text)
    assert found[: len(wanted)] == wanted


def test_one_bad_line_keeps_no_other_out() -> None:
    reader = MapReader()
    reader.read_map(HEAD + "1,care\nx,care\n3,care\n", "n.csv")
    assert [entry.rule.pattern for entry in reader.entries] == ["1", "3"]
    assert len(reader.mistakes) == 1


def test_it_is_told_how_far_the_reading_is() -> None:
    shares: list[float] = []
    text = HEAD + "".join(f"{at},care\n" for at in range(1, 20_000))
    found = list(csv_lines(text, "n.csv", told=shares.append))
    assert len(found) == 19_999
    assert not any(isinstance(one, Mistake) for one in found)
    assert shares == sorted(shares)
    assert 3 < len(shares) < 10
    assert 0 < shares[0] < shares[-1] < 1
