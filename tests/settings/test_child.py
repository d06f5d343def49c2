# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the configuration in a child process."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest

from agent.core.errors import SettingsError
from agent.settings import Mistakes, load, load_in_child
from agent.settings import __main__ as child_main

EXAMPLE = Path(__file__).parents[2] / "config"


async def test_the_child_brings_the_same_snapshot() -> None:
    fresh, here = await load_in_child(EXAMPLE), load(EXAMPLE)
    there = fresh.snapshot
    assert fresh.summary is None
    assert there.fingerprint == here.fingerprint
    assert there.projects == here.projects
    assert list(there.numbers) == list(here.numbers)


async def test_the_child_brings_the_same_mistakes(tmp_path: Path) -> None:
    with pytest.raises(Mistakes) as there:
        await load_in_child(tmp_path)
    with pytest.raises(Mistakes) as here:
        load(tmp_path)
    assert there.value.mistakes == here.value.mistakes


async def test_a_child_that_takes_too_long_is_given_up_in_one_line() -> None:
    with pytest.raises(SettingsError, match="took longer than 0 s and was given up"):
        await load_in_child(EXAMPLE, timeout=0)


async def test_a_child_that_can_not_be_started_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(SettingsError, match=r"no process can be started to read .*: No such file"):
        await load_in_child(EXAMPLE)


async def test_a_child_that_dies_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SettingsError, match=r"died \(1\): it said nothing"):
        await load_in_child(EXAMPLE)


async def test_so_is_the_last_that_it_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho first >&2; echo the reason >&2; exit 3\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(SettingsError, match=r"died \(3\): the reason$"):
        await load_in_child(EXAMPLE)


async def test_a_child_that_sends_rubbish_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/echo")
    with pytest.raises(SettingsError, match="sent nothing usable"):
        await load_in_child(EXAMPLE)


def test_a_folder_that_takes_too_much_memory_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    def load(*_: object, **_options: object) -> None:
        raise MemoryError

    limits: list[int] = []
    monkeypatch.setattr(child_main, "take_at_most", limits.append)
    monkeypatch.setattr(child_main, "load", load)
    child_main.main(str(tmp_path), "0", "0")
    assert pickle.loads(capfdbinary.readouterr().out) == (  # noqa: S301 - it is ours
        "reading it takes more than 2 GiB of memory, more than a large map does"
    )
    assert limits == [2 << 30]


async def test_the_child_takes_no_module_from_the_folder_that_the_agent_happens_to_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "yaml.py").write_text("raise RuntimeError('not what was asked for')\n")
    monkeypatch.chdir(tmp_path)
    assert (await load_in_child(EXAMPLE)).snapshot.projects
