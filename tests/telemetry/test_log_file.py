# SPDX-License-Identifier: GPL-3.0-or-later
"""The log in a file: rotated by whoever and however, on a disk that is full, where it can't be opened."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.core.errors import AgentError
from agent.telemetry.log_file import LogFile, require_writable
from agent.telemetry.outlet import Outlet
from tests.calls.harness.waiting import eventually_now

WITHIN = 20.0


class Written:
    """An outlet that leads to a file; what can't go there goes to `beside`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "agent.log"
        self.beside = folder / "standard_error"
        self._descriptor = os.open(self.beside, os.O_WRONLY | os.O_CREAT)
        self.astray: list[str] = []
        self.outlet = Outlet(self._descriptor, lambda _: None, self.astray.append)
        self.outlet.lead_to(LogFile(self.path))

    def put(self, text: str) -> None:
        """Put a line and wait until it is in the file that the path names now."""
        self.outlet.put(f"{text}\n")
        self.wait(self.path, text)

    def wait(self, path: Path, last: str) -> None:
        """Wait until this is a file's last line."""
        eventually_now(lambda: lines(path)[-1:] == [last], WITHIN, f"{last} in {path}")

    def close(self) -> None:
        """Write what waits."""
        assert self.outlet.close(WITHIN)
        os.close(self._descriptor)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Written]:
    made = Written(tmp_path)
    yield made
    made.close()


def test_lines_are_appended_to_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "agent.log").write_text("before\n")
    log = Written(tmp_path)
    log.put("after")
    log.close()
    assert lines(log.path) == ["before", "after"]


def test_a_file_that_is_made_is_not_for_all_to_read(log: Written) -> None:
    log.put("one")
    assert not stat.S_IMODE(log.path.stat().st_mode) & stat.S_IRWXO


def test_a_file_that_was_moved_away_is_opened_anew(log: Written) -> None:
    log.put("one")
    log.path.rename(log.path.with_suffix(".1"))
    log.put("two")
    log.path.rename(log.path.with_suffix(".2"))
    log.path.write_text("made by logrotate\n")
    log.put("three")
    assert lines(log.path.with_suffix(".1")) == ["one"]
    assert lines(log.path.with_suffix(".2")) == ["two"]
    assert lines(log.path) == ["made by logrotate", "three"]
    assert log.astray == []


def test_a_file_that_was_emptied_goes_on_at_its_beginning(log: Written) -> None:
    log.put("one")
    os.truncate(log.path, 0)
    log.put("two")
    assert log.path.read_bytes() == b"two\n", "no hole before it"


def test_a_file_that_was_deleted_is_made_again(log: Written) -> None:
    log.put("one")
    log.path.unlink()
    log.put("two")
    assert lines(log.path) == ["two"]


def test_while_it_can_t_be_opened_lines_go_to_standard_error_and_then_back(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    log = Written(folder)
    elsewhere = tmp_path / "elsewhere"
    log.put("one")
    folder.rename(elsewhere)
    for text in ("two", "three"):
        log.outlet.put(f"{text}\n")
        log.wait(elsewhere / "standard_error", text)
    assert len(log.astray) == 1, "said once"
    assert "No such file or directory" in log.astray[0]
    folder.mkdir()
    log.put("four")
    log.close()
    assert lines(elsewhere / "standard_error") == ["two", "three"]
    assert log.outlet.dropped == 0


def test_a_line_cut_by_a_full_disk_leaves_no_empty_one_in_a_file_that_was_emptied(
    log: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.put("one")
    write, full = os.write, True

    def onto_disk(descriptor: int, data: memoryview) -> int:
        if not full or descriptor == log._descriptor:
            return write(descriptor, data)
        if len(data) > 3:
            return write(descriptor, data[:3])
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "write", onto_disk)
    log.outlet.put("xyz, cut\n")
    eventually_now(lambda: log.outlet.dropped == 1, WITHIN, "the line is lost")
    os.truncate(log.path, 0)
    full = False
    log.put("two")
    assert log.path.read_bytes() == b"two\n"


def test_a_start_with_a_file_that_can_t_be_written_to_says_so_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=r"log\.file can't be written to: .*: No such file") as caught:
        require_writable(tmp_path / "absent" / "agent.log")
    assert len(str(caught.value).splitlines()) == 1
    require_writable(tmp_path / "agent.log")


def _logrotate() -> str:
    program = shutil.which("logrotate")
    assert program, "logrotate is not installed: deploy/setup --tests does it"
    return program


BUSY = """
import sys
from pathlib import Path
from agent.telemetry import logs
with logs.in_background():
    logs.configure(file=Path(sys.argv[1]))
    log = logs.logger("loop")
    for number in range(5_000):
        log.info("one more", at=number)
        if number % 100 == 99:
            print(number, flush=True)
            sys.stdin.readline()
    assert not logs.dropped()
"""
ROTATION = """{path} {{
    size 1
    rotate 100
    missingok
    {how}
}}
"""


@pytest.mark.parametrize("how", ["nocreate", "create 0640"])
def test_logrotate_loses_no_line(tmp_path: Path, how: str) -> None:
    """With copytruncate it may lose those between its copy and its cut: that is its own."""
    path, rules = tmp_path / "agent.log", tmp_path / "rules"
    rules.write_text(ROTATION.format(path=path, how=how))
    rules.chmod(0o644)
    tmp_path.chmod(0o755)
    rotate = [_logrotate(), "--force", "--state", str(tmp_path / "state"), str(rules)]
    with subprocess.Popen(
        [sys.executable, "-c", BUSY, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for said in process.stdout:
            if int(said) % 500 == 499:
                subprocess.run(rotate, check=True, capture_output=True)
            process.stdin.write("on\n")
            process.stdin.flush()
        assert process.wait(60) == 0
    found = [json.loads(line)["at"] for file in tmp_path.glob("agent.log*") for line in lines(file)]
    assert len(list(tmp_path.glob("agent.log*"))) > 3
    assert sorted(found) == list(range(5_000))
