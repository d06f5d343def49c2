# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""``handoff-agent records export`` and ``schema --records``."""

from __future__ import annotations

import csv
import json
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from pyarrow import parquet

from agent.cli import records
from agent.core.moments import SignalState
from agent.core.quality import LegQuality
from agent.core.record_form import columns, json_schema

Capture = pytest.CaptureFixture[str]
LEGS = (LegQuality("caller", "PCMU", "relay", 100, 99, 1, mos=4.2),)


@pytest.fixture
def filled(bench: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A record with five calls, of which one is up."""
    monkeypatch.setattr(records, "_PAGE", 2)
    for number in range(4):
        bench.record(
            SignalState.ACCEPTED,
            contact_id=f"{4510 + number}",
            legs=LEGS,
            ended=bench.then + number,
            project="acme-sales" if number == 3 else "acme-care",
        )
    bench.record(SignalState.RECORDED, contact_id="4599", ended=None, end="", reason="")
    return bench


def contacts(text: str) -> list[str]:
    return [json.loads(line)["contact_id"] for line in text.splitlines()]


def test_each_call_that_is_over_is_a_line_that_fits_the_schema(filled: Any, capsys: Capture) -> None:
    assert filled.command("records", "export") == 0
    out, err = capsys.readouterr()
    assert contacts(out) == ["4510", "4511", "4512", "4513"]
    assert err == ""
    validator = jsonschema_rs.validator_for(json_schema(), validate_formats=True)
    for line in out.splitlines():
        validator.validate(json.loads(line))
    assert [json.loads(line)["sequence"] for line in out.splitlines()] == [1, 2, 3, 4]


def at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat()


def test_time_and_project_choose(filled: Any, capsys: Capture) -> None:
    since, until = at(filled.then + 0.5), at(filled.then + 2.5)
    assert filled.command("records", "export", "--since", since, "--until", until) == 0
    assert contacts(capsys.readouterr().out) == ["4511", "4512"]
    assert filled.command("records", "export", "--project", "acme-sales") == 0
    assert contacts(capsys.readouterr().out) == ["4513"]
    assert filled.command("records", "export", "--project", "nobody") == 0
    assert capsys.readouterr().out == ""


def test_csv_has_a_column_for_each_field(filled: Any, capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    assert filled.command("records", "export", "--format", "csv", "--output", str(file)) == 0
    assert capsys.readouterr().err == f"4 calls in {file}\n"
    with file.open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    assert list(rows[0]) == [column.name for column in columns()]
    assert [row["contact_id"] for row in rows] == ["4510", "4511", "4512", "4513"]
    assert (rows[0]["caller_codec"], rows[0]["caller_lost"], rows[0]["agent_lost"]) == ("PCMU", "1", "")


def test_csv_has_nothing_that_a_spreadsheet_would_run(bench: Any, tmp_path: Path) -> None:
    said = ["=1+1", "+1+1", "-1", "@SUM(1)", "\t=1", "+4930123", "4510"]
    for contact in said:
        bench.record(SignalState.ACCEPTED, contact_id=contact, ended=bench.then)
    file = tmp_path / "calls.csv"
    assert bench.command("records", "export", "--format", "csv", "--output", str(file)) == 0
    with file.open(encoding="utf-8", newline="") as text:
        found = {row["contact_id"] for row in csv.DictReader(text)}
    assert found == {"'=1+1", "'+1+1", "'-1", "'@SUM(1)", "'\t=1", "+4930123", "4510"}


def test_parquet_has_types(filled: Any, tmp_path: Path) -> None:
    file = tmp_path / "calls.parquet"
    assert filled.command("records", "export", "--format", "parquet", "--output", str(file)) == 0
    table = parquet.read_table(file)
    assert table.column_names == [column.name for column in columns()]
    (first, *_) = table.to_pylist()
    assert first["contact_id"] == "4510"
    assert first["began"].timestamp() == pytest.approx(filled.then - 30, abs=0.01)
    assert (first["caller_received"], first["caller_mos"], first["target_mos"]) == (100, 4.2, None)


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_no_call_makes_an_empty_file_that_can_be_read(filled: Any, tmp_path: Path, form: str) -> None:
    file = tmp_path / "calls"
    asked = ("--format", form, "--output", str(file), "--project", "nobody")
    assert filled.command("records", "export", *asked) == 0
    if form == "parquet":
        assert parquet.read_table(file).num_rows == 0
    else:
        assert len(file.read_text(encoding="utf-8").splitlines()) == (form == "csv")


def test_without_pyarrow_one_line_says_what_to_do(
    filled: Any, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    file = tmp_path / "calls.parquet"
    assert filled.command("records", "export", "--format", "parquet", "--output", str(file)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install 'handoff-agent[parquet]', or take --format csv" in line
    assert not file.exists()


def test_a_file_that_can_t_be_written_is_told_in_one_line_and_leaves_nothing(
    filled: Any, capsys: Capture, tmp_path: Path
) -> None:
    assert filled.command("records", "export", "--output", str(tmp_path / "no" / "calls")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "can't be written: No such file or directory" in line
    assert not (tmp_path / "no").exists()


def test_a_time_that_is_none_is_refused(filled: Any, capsys: Capture) -> None:
    assert filled.command("records", "export", "--since", "1h", "--until", "2h") == 2
    assert "--since is not before --until" in capsys.readouterr().err


def test_without_a_record_one_line_says_so(bench: Any, capsys: Capture) -> None:
    assert bench.command("records", "export") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "there is no record yet" in line


def test_it_works_beside_the_running_agent(filled: Any, node: Any, capsys: Capture) -> None:
    assert node is not None
    assert filled.command("records", "export", "--since", at(time.time() - 3600)) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_a_terminal_is_shown_how_far_it_has_come(
    filled: Any, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert filled.command("records", "export") == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 4
    assert "exporting … 100%, 4 calls" in err


def test_a_terminal_that_shows_the_rows_is_shown_nothing_between_them(
    filled: Any, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stream in (sys.stderr, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    assert filled.command("records", "export") == 0
    out, err = capsys.readouterr()
    assert (len(out.splitlines()), err) == (4, "")


def test_the_schema_of_a_record_can_be_had(capsys: Capture, run: Any) -> None:
    assert run("schema", "--records") == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(json_schema()))
