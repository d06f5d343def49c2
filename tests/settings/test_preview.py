# SPDX-License-Identifier: GPL-3.0-or-later
"""What an edit of number maps would change, found out in a child process."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from agent.core.drafts import Draft, DraftError
from agent.core.errors import SettingsError
from agent.core.model import Snapshot
from agent.settings import load
from agent.settings.preview import Preview, Touched, preview_in_child
from agent.settings.previewing import edit_of

EXAMPLE = Path(__file__).parents[2] / "config"
LIVE = [("c-1", "9995550100"), ("c-2", "9995550101"), ("c-3", "9995550250"), ("c-4", "12345")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "config"))


def files(**texts: str | None) -> Draft:
    return Draft(
        "json", json.dumps({"files": {name.replace("_", "."): text for name, text in texts.items()}}).encode()
    )


async def seen(folder: Path, draft: Draft) -> Preview:
    return await preview_in_child(folder, load(folder), draft, LIVE)


async def test_it_tells_what_moves_and_which_calls_are_on_it(folder: Path) -> None:
    text = (folder / "numbers/acme.yaml").read_text(encoding="utf-8")
    text = text.replace('"9995550101": {project: acme-care', '"9995550101": {project: acme-sales')
    text = text.replace('"9995550200-9995550299"', '"9995550200-9995550249"')
    found = await seen(folder, Draft("yaml", text.encode(), "acme.yaml"))
    assert found.summary is not None
    assert "number 9995550101 moves from acme-care to acme-sales" in found.summary.lines
    assert found.summary.counts == {"go": 1, "move": 1}
    assert found.touched == (
        Touched("c-2", ("acme-care",), ("acme-sales",)),
        Touched("c-3", ("acme-sales",), ()),
    )
    assert found.rules == 5
    assert (folder / "numbers/acme.yaml").read_bytes() == (EXAMPLE / "numbers/acme.yaml").read_bytes()


async def test_it_tells_the_mistakes_of_a_broken_one(folder: Path) -> None:
    found = await seen(folder, Draft("csv", b"number,project\n9995550100,acme-car\n", "new.csv"))
    assert found.summary is None
    assert [str(one).removeprefix(f"{folder}/") for one in found.mistakes] == [
        f"numbers/new.csv:2:1: 9995550100 is there already, at {folder}/numbers/acme.yaml:4: leave one out",
        "numbers/new.csv:2:12: unknown project 'acme-car': did you mean 'acme-care'?",
    ]


async def test_of_many_mistakes_the_first_are_told(folder: Path) -> None:
    found = await seen(folder, Draft("csv", b"number,project\n" + b"x,acme-care\n" * 300))
    assert (len(found.mistakes), found.more) == (200, 100)


async def test_several_files_may_come_and_one_may_go(folder: Path) -> None:
    found = await seen(
        folder,
        files(acme_yaml=None, a_csv="number,project\n1,acme-care\n", b_yaml='numbers: {"2": acme-care}'),
    )
    assert found.summary is not None
    assert (found.rules, found.summary.counts) == (2, {"appear": 2, "go": 5})
    assert found.summary.lost == 3


async def test_nothing_else_stays_where_a_draft_stands_alone(folder: Path) -> None:
    body = {"files": {"a.csv": "number,project\n1,acme-care\n"}, "alone": True}
    assert (await seen(folder, Draft("json", json.dumps(body).encode()))).rules == 1


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "it is not JSON"),
        (b"\xff", "it is not JSON"),
        (b"[]", "it is no object"),
        (b"{}", "there are no files in it"),
        (b'{"files": {}}', "there are no files in it"),
        (b'{"files": {"a.csv": 1}}', "'a.csv' has no text"),
        (b'{"files": {"a.csv": ""}, "alone": 1}', "there are no files in it"),
        (b'{"file": {"a.csv": ""}}', "'file' is not known"),
        (b'{"files": {"../a.yaml": ""}}', "'../a.yaml' can't be a number map: name it NAME.yaml or NAME.csv"),
        (b'{"files": {"/etc/a.yaml": ""}}', "can't be a number map"),
        (b'{"files": {"numbers/../a.yaml": ""}}', "can't be a number map"),
        (b'{"files": {".a.yaml": ""}}', "can't be a number map"),
        (b'{"files": {"a.txt": ""}}', "can't be a number map"),
    ],
)
def test_what_is_no_draft_is_told(body: bytes, told: str) -> None:
    with pytest.raises(DraftError) as caught:
        edit_of(Draft("json", body), Path("/c"))
    assert str(caught.value).startswith(told) or told in str(caught.value)


async def test_it_is_told_from_the_child_too(folder: Path) -> None:
    with pytest.raises(DraftError, match="it is no object"):
        await seen(folder, Draft("json", b"[]"))


async def test_a_child_that_fails_is_told_in_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_force: Snapshot = load(EXAMPLE)
    draft = Draft("csv", b"number,project\n")
    with pytest.raises(SettingsError, match="took longer than 0 s"):
        await preview_in_child(folder, in_force, draft, [], timeout=0)
    for program, told in (
        ("/bin/false", r"died \(1\)"),
        ("/bin/echo", "nothing usable"),
        ("/no", "can be started"),
    ):
        monkeypatch.setattr(sys, "executable", program)
        with pytest.raises(SettingsError, match=told):
            await preview_in_child(folder, in_force, draft, [])
