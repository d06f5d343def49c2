# SPDX-License-Identifier: GPL-3.0-or-later
"""What shares a commit: whoever is waited for begins one at once, the others ride along."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.core.errors import StorageError
from agent.delivery import group_commit
from agent.delivery.group_commit import GroupCommit
from agent.delivery.transactions import Operation, Step

_ADD = "INSERT INTO one VALUES (?)"


class _Commits(GroupCommit):
    """Keeps how many operations each transaction had."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.sizes: list[int] = []

    def _resolve(self, batch: list[Operation], *results: object) -> None:
        self.sizes.append(len(batch))
        super()._resolve(batch, *results)  # type: ignore[arg-type]


@pytest.fixture
async def commits(tmp_path: Path) -> AsyncIterator[_Commits]:
    with sqlite3.connect(tmp_path / "agent.db") as file:
        file.execute("CREATE TABLE one (number INTEGER PRIMARY KEY, CHECK (number < 100))")
    opened = _Commits(tmp_path / "agent.db")
    await opened.open()
    yield opened
    await opened.aclose()


def _add(*numbers: int) -> list[Step]:
    return [Step(_ADD, (number,)) for number in numbers]


async def _numbers(commits: GroupCommit) -> list[object]:
    return [number for (number,) in await commits.read("SELECT number FROM one ORDER BY number")]


async def test_what_comes_in_one_turn_and_while_a_commit_is_under_way_shares_one(commits: _Commits) -> None:
    first = [asyncio.ensure_future(commits.write(*_add(number))) for number in (1, 2)]
    await asyncio.sleep(0)  # they are asked
    await asyncio.sleep(0)  # and handed over
    later = [asyncio.ensure_future(commits.write(*_add(number))) for number in (3, 4, 5)]
    assert await asyncio.gather(*first, *later) == [True] * 5
    assert commits.sizes == [2, 3]


async def test_a_patient_write_rides_along_with_the_next_that_is_waited_for(
    commits: _Commits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "PATIENCE_SECONDS", 3600.0)
    patient = asyncio.ensure_future(commits.write(*_add(1), patient=True))
    await asyncio.sleep(0)
    assert await commits.write(*_add(2))
    assert await patient
    assert commits.sizes == [2]


async def test_a_patient_write_alone_begins_when_its_patience_is_over(
    commits: _Commits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "PATIENCE_SECONDS", 0.01)
    assert await commits.write(*_add(1), patient=True)
    assert commits.sizes == [1]


async def test_one_that_fails_half_way_leaves_nothing_and_its_neighbours_stand(commits: _Commits) -> None:
    results = await asyncio.gather(
        commits.write(*_add(1)),
        commits.write(*_add(2, 100)),  # its second step breaks a constraint
        commits.write(*_add(3), Step("DELETE FROM one WHERE number = 99", (), decides=True)),
        commits.write(*_add(4, 5)),
        commits.write(Step("DELETE FROM one WHERE number = 99", (), decides=True), *_add(6)),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [bool, StorageError, bool, bool, bool]
    assert [result for result in results if isinstance(result, bool)] == [True, False, True, False]
    assert await _numbers(commits) == [1, 4, 5]
    assert commits.fault is None
