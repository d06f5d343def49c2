# SPDX-License-Identifier: GPL-3.0-or-later
"""``handoff-agent check`` and ``schema``."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., int]
EXAMPLE = Path(__file__).parents[2] / "config"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "config"))


def test_the_example_is_good_without_any_environment(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", {})
    assert run("check", "--config", str(EXAMPLE)) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"{EXAMPLE} is valid: 2 carriers, 3 projects, 5 numbers"


def test_mistakes_are_printed_with_their_places_and_a_summary(
    run: Run, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    (folder / "numbers/acme.yaml").write_text(
        'numbers:\n  "1": acme-car\n  "1": acme-care\n', encoding="utf-8"
    )
    assert run("check", "--config", str(folder)) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{folder}/numbers/acme.yaml:2:3: unknown project 'acme-car': did you mean 'acme-care'?",
        f"{folder}/numbers/acme.yaml:3:3: 1 is there already, at {folder}/numbers/acme.yaml:2: leave one out",
        f"{folder} has 2 mistakes in 1 file",
    ]


def test_json_says_the_same(run: Run, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "agent.yaml").write_text("nod: 1\nnode: e\n", encoding="utf-8")
    assert run("check", "--json", "--config", str(folder)) == 1
    assert json.loads(capsys.readouterr().out) == {
        "ok": False,
        "mistakes": [
            {
                "file": f"{folder}/agent.yaml",
                "line": 1,
                "column": 1,
                "text": "unknown key 'nod': did you mean 'node'?",
            }
        ],
    }
    assert run("check", "--json", "--config", str(EXAMPLE)) == 0
    assert json.loads(capsys.readouterr().out)["numbers"] == 5


def test_a_carrier_that_sends_no_token_is_a_note_where_projects_have_tokens(
    run: Run, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    carriers = "carriers:\n  one: {sources: [192.0.2.7]}\n  two: {sources: [192.0.2.8], token_header: X-T}\n"
    (folder / "carriers.yaml").write_text(carriers, encoding="utf-8")
    assert run("check", "--json", "--config", str(folder)) == 0
    note = (
        "carrier one has no token_header: where a number has one project, its calls are taken by source and "
        "number alone, whatever that project's token"
    )
    assert [one for one in json.loads(capsys.readouterr().out)["notes"] if "token_header" in one] == [note]


def test_a_folder_that_is_not_there_is_one_line(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "--config", "/nowhere") == 1
    assert capsys.readouterr().out.startswith("/nowhere:1:1: there is no such folder")


def test_the_schema_of_one_file_or_of_all_is_printed(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("schema", "numbers") == 0
    assert json.loads(capsys.readouterr().out)["title"] == "handoff-agent numbers/*.yaml"
    assert run("schema") == 0
    assert set(json.loads(capsys.readouterr().out)) == {"agent", "carriers", "project", "numbers"}
