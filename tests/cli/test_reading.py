# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress is for those who look at a terminal."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from agent.cli.reading import reading

EXAMPLE = Path(__file__).parents[2] / "config"


def test_nothing_is_shown_in_a_pipe_or_where_it_is_short(capsys: pytest.CaptureFixture[str]) -> None:
    with reading() as told:
        assert told is None
    with reading(long=False) as told:
        assert told is None
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_check_of_a_big_map_shows_how_far_it_is_on_a_terminal_and_only_there(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(EXAMPLE, tmp_path / "config"))
    lines = [f"{8_000_000_000 + at},acme-care\n" for at in range(60_000)]
    (folder / "numbers/big.csv").write_text("number,project\n" + "".join(lines), encoding="utf-8")
    command = [sys.executable, "-m", "agent.cli.main", "check", "--config", str(folder)]
    piped = subprocess.run(command, capture_output=True, check=True)
    assert piped.stderr == b""
    ours, theirs = pty.openpty()
    shown = bytearray()
    reader = threading.Thread(target=_read, args=(ours, shown))  # a terminal takes 4 KiB that nobody reads
    reader.start()
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=theirs, check=True, env={**os.environ, "TERM": "xterm"}
    )
    os.close(theirs)
    reader.join()
    os.close(ours)
    assert done.stdout == piped.stdout
    assert b"reading big.csv" in shown


def _read(terminal: int, into: bytearray) -> None:
    with suppress(OSError):  # EIO: the other side is closed
        while part := os.read(terminal, 4096):
            into += part
