# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""``handoff-agent records export`` and ``schema --records``."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from pyarrow import parquet

from agent.cli import record_formats, records
from agent.core.errors import StorageError
from agent.core.moments import SignalState
from agent.core.quality import LegQuality
from agent.core.record_form import Finished, columns, json_schema
from agent.delivery.finished import Export
from agent.delivery.sqlite import SqliteStore
from tests.faults.harness.disks import fill, mounted

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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for little."""
    with mounted(tmp_path / "disk", "size=64k") as place:
        yield place


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
    assert filled.command("records", "export", "--project", "acme-care-sandbox") == 0
    assert capsys.readouterr().out == "", "it is configured, and nobody called"


def test_a_project_that_nobody_knows_is_told_with_the_one_that_may_be_meant(
    filled: Any, capsys: Capture, tmp_path: Path
) -> None:
    file = tmp_path / "calls"
    assert filled.command("records", "export", "--project", "acme-cares", "--output", str(file)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no call of a project 'acme-cares' is in the storage" in line
    assert line.endswith("is acme-care meant?")
    assert list(tmp_path.glob("calls*")) == []


def test_one_that_is_configured_no_more_has_its_calls_all_the_same(filled: Any, capsys: Capture) -> None:
    (filled.config / "projects" / "acme-sales.yaml").unlink()
    assert filled.command("records", "export", "--project", "acme-sales") == 0
    assert contacts(capsys.readouterr().out) == ["4513"]


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
    asked = ("--format", form, "--output", str(file), "--until", "2001-01-01")
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


def test_what_is_no_plain_file_stays_what_it_is(filled: Any, capsys: Capture, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert filled.command("records", "export", "--output", str(pipe)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("is no plain file: without --output it all goes to standard output")
    assert pipe.is_fifo()
    assert list(tmp_path.glob("pipe*")) == [pipe]


def test_a_link_is_followed(filled: Any, tmp_path: Path) -> None:
    disk, link = tmp_path / "disk", tmp_path / "may.jsonl"
    disk.mkdir()
    link.symlink_to(disk / "calls.jsonl")
    for _ in range(2):
        assert filled.command("records", "export", "--output", str(link)) == 0
        assert link.is_symlink()
        assert len((disk / "calls.jsonl").read_text(encoding="utf-8").splitlines()) == 4
    assert [file.name for file in disk.iterdir()] == ["calls.jsonl"]


def test_a_folder_is_no_file_to_write_to(filled: Any, capsys: Capture, tmp_path: Path) -> None:
    assert filled.command("records", "export", "--output", str(tmp_path)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("is a folder: --output names a file")


class Stops:
    """Stands for a storage: after two pages somebody or something ends the export."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
        real, seen = SqliteStore.finished_between, []

        async def pages(store: SqliteStore, low: int, high: int, wanted: Export) -> tuple[Finished, ...]:
            seen.append(low)
            if len(seen) > 2:
                raise error
            return await real(store, low, high, wanted)

        monkeypatch.setattr(SqliteStore, "finished_between", pages)


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (StorageError("the storage refused: disk I/O error"), 2)]
)
def test_what_is_broken_off_leaves_nothing_behind(
    filled: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    *,
    form: str,
    error: BaseException,
    code: int,
) -> None:
    file = tmp_path / "calls"
    file.write_text("of before", encoding="ascii")
    Stops(monkeypatch, error)
    assert filled.command("records", "export", "--format", form, "--output", str(file)) == code
    assert [path.name for path in tmp_path.glob("calls*")] == ["calls"]
    assert file.read_text(encoding="ascii") == "of before"


def test_what_is_broken_off_on_standard_output_does_not_look_whole(
    filled: Any, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(record_formats, "_GROUP", 1)
    Stops(monkeypatch, KeyboardInterrupt())
    assert filled.command("records", "export", "--format", "parquet") == 130
    out = capsysbinary.readouterr().out
    assert out.startswith(b"PAR1")
    assert not out.endswith(b"PAR1"), "the footer is missing"


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_a_disk_that_is_full_is_told_in_one_line(
    filled: Any, capsys: Capture, small_disk: Path, form: str
) -> None:
    fill(small_disk)
    file = small_disk / "calls"
    assert filled.command("records", "export", "--format", form, "--output", str(file)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (f"handoff-agent: {file} can't be written: No space left on device; nothing of it is left")
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_standard_output_that_is_full_is_told_in_one_line(filled: Any, form: str) -> None:
    command = [sys.executable, "-m", "agent.cli.main", "records", "export", "--format", form]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*command, "--config", str(filled.config)], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 2
    (line,) = done.stderr.decode().splitlines()
    assert "standard output can't be written: No space left on device; what is there is cut off" in line


def test_a_pipe_takes_parquet_too(filled: Any) -> None:
    command = [sys.executable, "-m", "agent.cli.main", "records", "export", "--format", "parquet"]
    done = subprocess.run([*command, "--config", str(filled.config)], capture_output=True, check=True)
    assert parquet.read_table(io.BytesIO(done.stdout)).num_rows == 4


def test_rows_are_held_until_there_is_a_group_of_them(
    filled: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(record_formats, "_GROUP", 3)
    file = tmp_path / "calls.parquet"
    assert filled.command("records", "export", "--format", "parquet", "--output", str(file)) == 0
    found = parquet.ParquetFile(file)
    groups = [found.metadata.row_group(group).num_rows for group in range(found.num_row_groups)]
    assert groups == [4], "two pages of two"
    assert found.read().column("contact_id").to_pylist() == ["4510", "4511", "4512", "4513"]


@pytest.mark.parametrize("option", ["--since", "--until"])
@pytest.mark.parametrize("text", ["yesterday", "2031-13-01", "", "-1h", "1x"])
def test_what_is_no_time_is_told_with_what_would_be(
    filled: Any, capsys: Capture, option: str, text: str
) -> None:
    with pytest.raises(SystemExit):
        filled.command("records", "export", f"{option}={text}")
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"argument {option}: {text!r} is not a time: write 30m, 2h, 3d, or 2031-05-04T03:00" in said


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


def test_the_schema_of_a_record_can_be_had(capsys: Capture, run: Any) -> None:
    assert run("schema", "--records") == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(json_schema()))
