# SPDX-License-Identifier: GPL-3.0-or-later
"""Number maps of both forms side by side, and as they would be after an edit."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pytest

from agent.core.model import Snapshot
from agent.settings import Mistakes, load
from agent.settings.lost_zeros import lost_zeros
from agent.settings.map_files import Edit


class Folder(Protocol):
    """The fixture of conftest.py."""

    path: Path
    environment: dict[str, str]

    def write(self, name: str, text: str) -> None:
        """Replace a file."""

    def load(self) -> Snapshot:
        """Load the folder."""

    def mistakes(self) -> list[str]:
        """What loading finds."""


def test_a_csv_stands_beside_yaml(folder: Folder) -> None:
    folder.write("numbers/more.csv", "number,project,brand\n9995550101,care,acme\n")
    rule = folder.load().numbers.match("9995550101")
    assert rule is not None
    assert (rule.projects, rule.labels, rule.place) == (
        ("care",),
        {"brand": "acme"},
        f"{folder.path}/numbers/more.csv:2",
    )
    (folder.path / "numbers/acme.yaml").unlink()
    assert folder.mistakes() == []
    assert len(folder.load().numbers) == 1


def test_the_same_rules_are_the_same_configuration_whatever_form_they_have(folder: Folder) -> None:
    before = folder.load().fingerprint
    (folder.path / "numbers/acme.yaml").unlink()
    folder.write("numbers/acme.csv", "number;project\r\n9995550100;care\r\n")
    assert folder.load().fingerprint == before


def test_contradictions_between_the_forms_name_both_places(folder: Folder) -> None:
    folder.write("numbers/a.csv", "number,project\n9995550100,care\n9995550200-9995550299,care\n")
    folder.write("numbers/b.yaml", 'numbers:\n  "9995550250-9995550300": care\n')
    csv = f"{folder.path}/numbers/a.csv"
    overlap = "9995550250-9995550300 overlaps 9995550200-9995550299"
    assert folder.mistakes() == [
        f"numbers/acme.yaml:2:3: 9995550100 is there already, at {csv}:2: leave one out",
        f"numbers/b.yaml:2:3: {overlap} at {csv}:3: make them disjoint",
    ]


def test_unknown_projects_and_same_tokens_are_told_at_the_cell_of_the_project(folder: Folder) -> None:
    folder.write(
        "projects/sales.yaml", (folder.path / "projects/care.yaml").read_text().replace("care\n", "sales\n")
    )
    folder.write("numbers/a.csv", "brand,number,project\nx,9995550101,car\n,9995550102,care|sales\n")
    unknown, same = folder.mistakes()
    assert unknown == "numbers/a.csv:2:14: unknown project 'car': did you mean 'care'?"
    assert same.startswith("numbers/a.csv:3:13: care and sales both have the same token, so a call can't")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("more.CSV", "1:1: only *.csv is read: rename it to .csv"),
        ("more.xlsx", "1:1: a spreadsheet is not read: save it as CSV UTF-8, and remove it"),
    ],
)
def test_what_was_meant_to_be_read_and_is_not_is_told(folder: Folder, name: str, told: str) -> None:
    folder.write(f"numbers/{name}", "number,project\n")
    assert folder.mistakes() == [f"numbers/{name}:{told}"]


@pytest.mark.parametrize("name", ["~$more.xlsx", ".~lock.more.csv#", "more.csv~", "README.md"])
def test_what_programs_leave_beside_it_is_passed_over(folder: Folder, name: str) -> None:
    folder.write(f"numbers/{name}", "x")
    assert folder.mistakes() == []


def test_another_encoding_is_told_where_it_shows(folder: Folder) -> None:
    (folder.path / "numbers/a.csv").write_bytes("number,project,x\n1,care,ä".encode() + b"\xe4\n")
    (folder.path / "numbers/b.csv").write_bytes("number,project\n".encode("utf-16"))
    assert folder.mistakes() == [
        "numbers/a.csv:2:9: the file is not UTF-8, here at the latest: save it as CSV UTF-8",
        "numbers/b.csv:1:1: the file is not UTF-8, here at the latest: save it as CSV UTF-8",
    ]


def test_a_byte_order_mark_is_no_part_of_the_first_title(folder: Folder) -> None:
    (folder.path / "numbers/a.csv").write_bytes(b"\xef\xbb\xbfnumber;project\r\n9995550101;care\r\n")
    assert folder.mistakes() == []


def edited(folder: Folder, edit: Edit) -> list[str]:
    """Patterns, or mistakes."""
    try:
        found = load(folder.path, folder.environment, edit=edit)
    except Mistakes as error:
        return [str(one).removeprefix(f"{folder.path}/") for one in error.mistakes]
    return [rule.pattern for rule in found.numbers]


def test_an_edit_is_read_in_place_of_files_and_changes_none(folder: Folder) -> None:
    ours, new = folder.path / "numbers/acme.yaml", folder.path / "numbers/new.csv"
    before = ours.read_bytes()
    assert edited(folder, Edit({ours: b'numbers: {"1": care}\n'})) == ["1"]
    assert edited(folder, Edit({new: b"number,project\n2,care\n"})) == ["2", "9995550100"]
    assert edited(folder, Edit({new: b"number\n2\n"}, project="care")) == ["2", "9995550100"]
    assert edited(folder, Edit({new: b"number,project\n2,care\n"}, frozenset({ours}))) == ["2"]
    assert edited(folder, Edit({new: b"number,project\n2,care\n"}, alone=True)) == ["2"]
    assert edited(folder, Edit({new: b"number,project\n9995550100,car\n"})) == [
        f"numbers/new.csv:2:1: 9995550100 is there already, at {ours}:2: leave one out",
        "numbers/new.csv:2:12: unknown project 'car': did you mean 'care'?",
    ]
    assert edited(folder, Edit({new: b"\xff"})) == [
        "numbers/new.csv:1:1: the file is not UTF-8, here at the latest: save it as CSV UTF-8"
    ]
    assert (ours.read_bytes(), new.exists()) == (before, False)


def test_numbers_that_have_lost_their_zero_are_noted_with_one_that_has_it(folder: Folder) -> None:
    lines = ["0207946010", "207946011", "207946012", "447946013", "9995550101", "0100-0199", "207*"]
    folder.write("numbers/uk.csv", "number,project\n" + "".join(f"{line},care\n" for line in lines))
    (note,) = lost_zeros(folder.load().numbers)
    uk = f"{folder.path}/numbers/uk.csv"
    assert note.startswith(
        f"{uk}:3: 207946011 (and 1 more of this file) has no 0 in front, as 0207946010 has at {uk}:2"
    )


def test_all_mistakes_are_counted_though_not_all_are_told(folder: Folder) -> None:
    folder.write("numbers/a.csv", "number,project\n" + "x,care\n" * 1000)
    with pytest.raises(Mistakes) as caught:
        folder.load()
    assert len(caught.value.mistakes) == 1000
    first = caught.value.first(200)
    assert (len(first.mistakes), first.more) == (200, 800)
    assert str(first).splitlines()[-1] == "and 800 more mistakes: handoff-agent check tells them all"
    assert caught.value.first(1000) is caught.value
