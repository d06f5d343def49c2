# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps that are written: reading them gives the same rules, and nobody sees half a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.frozen import FrozenDict
from agent.core.numbers import NumberRule
from agent.settings.map_writing import NotWritableError, csv_text, write_atomically, yaml_text
from agent.settings.maps import MapReader

NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,6}[A-Za-z0-9])?", fullmatch=True)
LABELS = st.one_of(
    st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,5}", fullmatch=True),
    st.sampled_from(["number", "Project", "labels", "label", "no", "on", "y", "null"]),
)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
TARGETS = st.tuples(
    st.lists(NAMES, min_size=1, max_size=3, unique=True), st.dictionaries(LABELS, VALUES, max_size=3)
)
KEYS = ("9995550100", "+0044", "0123", "9995550200-9995550299", "99955503*", "*")
RULES = st.lists(TARGETS, max_size=len(KEYS)).map(
    lambda targets: [
        NumberRule(key, tuple(projects), FrozenDict(labels))
        for key, (projects, labels) in zip(KEYS, targets, strict=False)
    ]
)
Rule = tuple[str, tuple[str, ...], dict[str, str]]


def plain(rules: list[NumberRule]) -> list[Rule]:
    return [(rule.pattern, rule.projects, dict(rule.labels)) for rule in rules]


def read(text: str, name: str) -> list[Rule]:
    reader = MapReader()
    assert reader.read_map(text, name) is None
    assert reader.mistakes == []
    return plain([entry.rule for entry in reader.entries])


@given(RULES)
def test_what_is_written_as_yaml_reads_the_same(rules: list[NumberRule]) -> None:
    assert read(yaml_text(rules), "n.yaml") == plain(rules)


@given(RULES)
def test_what_is_written_as_csv_reads_the_same_or_is_refused(rules: list[NumberRule]) -> None:
    try:
        text = csv_text(rules)
    except NotWritableError as error:
        assert "control character" in str(error)  # noqa: PT017 - most rules do not raise it
        return
    assert read(text, "n.csv") == plain(rules)
    assert read(text.replace("\n", "\r\n"), "n.csv") == plain(rules)


def test_a_label_that_no_cell_holds_is_told_with_its_place() -> None:
    rule = NumberRule("1", ("care",), FrozenDict({"x": "a\nb"}), "numbers/a.yaml", 7)
    with pytest.raises(NotWritableError, match=r"numbers/a.yaml:7: a label has a control"):
        csv_text([rule])


def test_a_file_is_replaced_as_a_whole_and_keeps_its_mode_and_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yaml", tmp_path / "link.yaml"
    real.write_text("old", encoding="utf-8")
    real.chmod(0o600)
    link.symlink_to(real)
    write_atomically(link, "new\n")
    assert link.is_symlink()
    assert real.read_text(encoding="utf-8") == "new\n"
    assert real.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.yaml", "real.yaml"]


def test_what_can_t_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "a.yaml"
    target.mkdir()
    (target / "x").touch()
    with pytest.raises(NotWritableError, match="can't be written"):
        write_atomically(target, "new\n")
    assert [path.name for path in tmp_path.iterdir()] == ["a.yaml"]
