# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of reloads outlives the process, bounded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.core.reloads import KEPT, Cause, ReloadRecord, Reloads
from agent.telemetry.reload_history import ReloadHistory

STARTED = ReloadRecord(1.0, Cause("start"), "started", rules=3)
LOADED = ReloadRecord(
    2.5,
    Cause("http", "ana", "192.0.2.7", "new numbers"),
    "loaded",
    0.2,
    4,
    {"numbers_added": 1},
    ("number 9995550101 appears: acme-care",),
    (),
    ("node",),
)
REFUSED = ReloadRecord(3.0, Cause("file"), "refused", 0.1, 4, mistakes=("numbers/acme.yaml:3: no é",))


async def kept(path: Path, *records: ReloadRecord) -> None:
    """What a process of these reloads leaves."""
    history = ReloadHistory(path)
    for record in records:
        history.keep(record)
    await history.aclose()


async def test_the_next_process_knows_each_reload_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "reloads.jsonl"
    await kept(path, STARTED, LOADED, REFUSED)
    assert ReloadHistory(path).before == [STARTED, LOADED, REFUSED]
    assert [one.shown() for one in Reloads(ReloadHistory(path).before).newest(1)] == [REFUSED.shown()]


async def test_of_starts_in_a_row_the_first_is_kept_until_something_comes_after(tmp_path: Path) -> None:
    path = tmp_path / "reloads.jsonl"
    starts = [ReloadRecord(float(when), Cause("start"), "started") for when in range(300)]
    for start in starts:
        await kept(path, start)
    assert ReloadHistory(path).before == starts[:1]
    await kept(path, STARTED, LOADED)
    assert ReloadHistory(path).before == [starts[0], STARTED, LOADED]
    await kept(path, STARTED)
    assert ReloadHistory(path).before == [starts[0], STARTED, LOADED, STARTED]


async def test_a_reload_of_many_lines_is_cut_and_only_the_newest_are_read(tmp_path: Path) -> None:
    path = tmp_path / "reloads.jsonl"
    long = ReloadRecord(4.0, Cause("signal"), "refused", mistakes=("x" * 1000,) * 1000)
    await kept(path, *[long] * (KEPT + 20))
    read = ReloadHistory(path).before
    assert read[-1].mistakes == ("x" * 300,) * 100
    assert len(read) <= KEPT
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 2 << 20


@pytest.mark.parametrize(
    "change",
    [
        {"how": "magic"},
        {"how": ["start"]},
        {"when": "yesterday"},
        {"counts": [1]},
        {"rules": None},
        {"changes": 7},
        {"counts": {"numbers": "many"}},
    ],
)
def test_what_is_none_is_passed_over(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "reloads.jsonl"
    lines = [json.dumps({**LOADED.shown(), **change}), "[]", "no JSON", json.dumps(REFUSED.shown()), "{"]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert ReloadHistory(path).before == [REFUSED]


async def test_without_a_file_nothing_is_kept(tmp_path: Path) -> None:
    history = ReloadHistory(None)
    history.keep(LOADED)
    await history.aclose()
    assert (history.before, list(tmp_path.iterdir())) == ([], [])
