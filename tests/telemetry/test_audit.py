# SPDX-License-Identifier: GPL-3.0-or-later
"""Who changed what is kept: in the log, in memory, and in a small file that outlives the process."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.telemetry import kept_lines
from agent.telemetry.audit import KEPT, Audit, Deed


async def test_a_deed_is_told_to_the_log_and_kept_in_the_file(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit.jsonl", lambda: 12.5)
    with capture_logs() as lines:
        audit.record("hang_up", who="ana", origin="192.0.2.7", about="c-1", why="a\nloop", outcome="done")
    await audit.aclose()
    deed = Deed(12.5, "ana", "192.0.2.7", "hang_up", "c-1", "a loop", "done")
    assert list(audit.newest()) == [deed]
    told = {"who": "ana", "origin": "192.0.2.7", "action": "hang_up", "about": "c-1", "why": "a loop"}
    assert [told.items() <= line.items() for line in lines] == [True]
    assert json.loads((tmp_path / "audit.jsonl").read_text(encoding="utf-8"))["why"] == "a loop"
    assert list(Audit(tmp_path / "audit.jsonl").newest()) == [deed]


async def test_a_full_file_takes_the_place_of_the_one_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_lines, "LARGEST_FILE", 1000)
    path = tmp_path / "audit.jsonl"
    audit = Audit(path)
    for number in range(30):
        audit.record("drain", who=f"ana {number}", origin="here")
        await audit.aclose()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 2000
    newest = [deed.who for deed in Audit(path).newest(3)]
    assert newest == ["ana 29", "ana 28", "ana 27"]


async def test_only_the_newest_are_in_memory(tmp_path: Path) -> None:
    audit = Audit()
    for number in range(KEPT + 5):
        audit.record("drain", who=str(number), origin="here")
    assert [audit.newest(1)[0].who, len(audit.newest())] == [str(KEPT + 4), KEPT]
    assert not list(tmp_path.iterdir())


async def test_what_can_t_be_written_is_kept_in_memory_and_said_once(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "nowhere" / "audit.jsonl")
    with capture_logs() as lines:
        for _ in range(2):
            audit.record("drain", who="ana", origin="here")
            await audit.aclose()
    assert [line["event"] for line in lines if line["log_level"] == "error"] == [
        "deeds of operators can't be written to their file"
    ]
    assert audit.fault == "No such file or directory"
    assert len(audit.newest()) == 2


def test_what_else_stands_in_the_file_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(
        b'\xff\n{"when": 1, "who": "ana"}\n[]\n{"when": "x"}\n{"who": "bo"}\n{"when": 2, "who": "cy"'
    )
    assert [deed.who for deed in Audit(path).newest()] == ["ana"]


async def test_what_could_not_be_written_is_written_with_the_next_deed(tmp_path: Path) -> None:
    path = tmp_path / "later" / "audit.jsonl"
    audit = Audit(path)
    for who in ("ana", "bo"):
        audit.record("drain", who=who, origin="here")
        await audit.aclose()
    path.parent.mkdir()
    audit.record("drain", who="cy", origin="here")
    await audit.aclose()
    assert audit.fault is None
    assert [deed.who for deed in Audit(path).newest()] == ["cy", "bo", "ana"]


async def test_a_line_without_its_end_does_not_swallow_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'{"when": 2, "who": "cy"')
    audit = Audit(path)
    audit.record("drain", who="ana", origin="here")
    await audit.aclose()
    assert [deed.who for deed in Audit(path).newest()] == ["ana"]


async def test_what_a_full_disk_took_a_part_of_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.jsonl"
    audit = Audit(path)
    audit.record("drain", who="ana", origin="here")
    await audit.aclose()
    before, write = path.read_bytes(), os.write
    full = iter((10,))

    def full_disk(descriptor: int, data: bytes) -> int:
        room = next(full, 0)
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:room])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full_disk)
        audit.record("drain", who="bo", origin="here")
        assert audit._lines is not None
        assert audit._lines.writing is not None
        await audit._lines.writing
    assert (path.read_bytes(), audit.fault) == (before, "No space left on device")
    await audit.aclose()
    assert [deed.who for deed in Audit(path).newest()] == ["bo", "ana"]
