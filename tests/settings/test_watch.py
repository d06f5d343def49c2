# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits of a configuration's files, and what a look at them may meet."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from agent.settings import watch
from agent.settings.watch import Watch, stamp

_scandir = os.scandir


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "config"
    for name in ("agent.yaml", "numbers/acme.yaml", "projects/care.yaml"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text("a: b\n", encoding="utf-8")
    return made


def fails(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """No folder can be opened any more."""

    def scandir(path: str) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(os, "scandir", scandir)


async def looks(watched: Watch, *, times: int = 2) -> list[bool]:
    return [await watched.edited() for _ in range(times)]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.EIO, errno.ENOMEM])
async def test_a_look_that_fails_is_no_edit_and_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    watched = Watch(folder)
    with monkeypatch.context() as broken:
        fails(broken, number)
        assert await looks(watched, times=3) == [False, False, False]
        assert watched.fault == os.strerror(number)
        await watched.mark_read()
    assert await looks(watched) == [False, False]
    (folder / "agent.yaml").write_text("another: one\n", encoding="utf-8")
    assert await looks(watched) == [False, True]
    assert not watched.fault


@pytest.mark.parametrize("gone", ["numbers", "."])
async def test_a_folder_that_vanishes_while_it_is_walked_through_is_an_edit_and_no_fault(
    folder: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    watched = Watch(folder)

    def scandir(path: str) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        if Path(path) == folder / gone:
            Path(path).rename(folder.with_name("gone"))
        return _scandir(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert (folder / gone).exists()
    assert await watched.edited() is False
    assert not (folder / gone).exists()
    monkeypatch.undo()
    assert await looks(watched) == [True, True]
    assert watched.fault is None


async def test_a_disk_that_does_not_answer_holds_up_nobody_and_is_asked_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watch(folder)
    answers = threading.Event()
    asked: list[str] = []

    def scandir(path: str) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        asked.append(path)
        answers.wait()
        return _scandir(path)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(watch, "_LONGEST", 0.01)
    try:
        assert await looks(watched, times=3) == [False, False, False]
        assert watched.fault == "it does not answer within 0 s"
        assert len(asked) == 1
    finally:
        answers.set()


async def test_a_folder_behind_a_link_is_looked_into_and_links_in_a_circle_end(folder: Path) -> None:
    first, second = folder.parent / "first", folder.parent / "second"
    for place in (first, second):
        place.mkdir()
        (place / f"{place.name}.yaml").touch()
    (folder / "numbers/more").symlink_to(first)
    (folder / "numbers/round").symlink_to(folder)
    watched = Watch(folder)
    assert await looks(watched) == [False, False]
    (folder / "numbers/more").unlink()
    (folder / "numbers/more").symlink_to(second)
    assert await looks(watched) == [False, True]


async def test_hidden_files_are_passed_over(folder: Path) -> None:
    watched = Watch(folder)
    (folder / "numbers/.acme.yaml.swp").touch()
    (folder / ".git").mkdir()
    (folder / ".git/index").touch()
    assert await looks(watched) == [False, False]


def test_a_folder_full_of_files_is_no_endless_work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MOST_FILES", 2)
    assert len(stamp(folder)) == 2


async def test_a_file_elsewhere_that_the_configuration_names_is_watched(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "config", tmp_path / "pki" / "edge.pem"
    folder.mkdir()
    elsewhere.parent.mkdir()
    elsewhere.write_text("old")
    watch = Watch(folder, lambda: [elsewhere])
    assert not await watch.edited()
    elsewhere.write_text("renewed")
    assert not await watch.edited(), "it may be half written"
    assert await watch.edited()
    await watch.mark_read()
    assert not await watch.edited()
    elsewhere.unlink()
    assert not await watch.edited()
    assert await watch.edited()


async def test_a_reload_beside_a_look_knows_what_it_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, answers, asked = Watch(folder), threading.Event(), threading.Event()

    def scandir(path: str) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        asked.set()
        answers.wait()
        return _scandir(path)

    (folder / "agent.yaml").write_text("another: one\n", encoding="utf-8")
    with monkeypatch.context() as slow:
        slow.setattr(os, "scandir", scandir)
        look = asyncio.ensure_future(watched.edited())
        await asyncio.to_thread(asked.wait)
        reload = asyncio.ensure_future(watched.mark_read())
        await asyncio.sleep(0)
        answers.set()
        await asyncio.gather(look, reload)
    assert watched.fault is None
    assert await looks(watched) == [False, False], "it was read by that reload"
