# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""``handoff-agent loglevel``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agent.telemetry import logs

pytestmark = pytest.mark.usefixtures("node")


@pytest.fixture(autouse=True)
def _log() -> Iterator[None]:
    with logs.kept():
        logs.configure("error")
        yield


def test_it_is_changed_shown_and_taken_back(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.command("loglevel") == 0
    assert capsys.readouterr().out == "configured: error\n"
    assert bench.command("loglevel", "debug", "--project", "acme-care", "--for", "10m") == 0
    configured, said = capsys.readouterr().out.splitlines()
    assert configured == "configured: error"
    assert said.startswith("project acme-care: debug until ")
    assert bench.command("loglevel", "warning", "--json") == 0
    found = json.loads(capsys.readouterr().out)["for_a_while"]
    assert sorted((one["level"], one["project"]) for one in found) == [
        ("debug", "acme-care"),
        ("warning", ""),
    ]
    assert bench.command("loglevel", "normal", "--project", "acme-care") == 0
    assert bench.command("loglevel", "normal") == 0
    assert logs.levels_shown() == []


def test_an_unknown_project_is_found_wrong(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.command("loglevel", "debug", "--project", "acme-cara") == 1
    assert capsys.readouterr().out == "there is no project 'acme-cara'\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("debug", "--for", "soon"), "--for: 'soon' is not a duration"),
        (("--for", "10m"), "--for belongs to a level"),
        (("normal", "--for", "10m"), "--for belongs to a level"),
        (("debug", "--for", "3d"), "for"),
    ],
)
def test_what_can_t_be_is_one_line(
    bench: Any, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    assert bench.command("loglevel", *arguments) == 2
    said = capsys.readouterr().err
    assert (said.count("\n"), says in said) == (1, True), said
