# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps hundreds of calls cheap: a storage file whose tables are made already, and logs that nobody draws."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent.core.model import Project
from agent.delivery.sqlite import SqliteStore
from agent.telemetry import logs
from tests.shell.harness.left import Left
from tests.shell.harness.settings import care
from tests.shell.harness.shell import NodeOf, Shell, shell

_MEMORY = Path("/dev/shm")  # noqa: S108 - each test has a folder of its own in it


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty storage file."""
    path = tmp_path_factory.mktemp("blank") / "agent.db"

    async def make() -> None:
        await (await SqliteStore.open(path)).aclose()

    asyncio.run(make())
    return path


@pytest.fixture(autouse=True)
def _plain_logs() -> Iterator[None]:
    """One line of JSON for each fact: tracebacks drawn for people take longer than the calls they are of."""
    with logs.kept():
        logs.configure("debug")
        yield


@pytest.fixture
def storage(blank: Path, tmp_path: Path) -> Iterator[Path]:
    """An empty storage file of the test's own, in memory where that can be: no power is cut here."""
    with TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else tmp_path) as folder:
        yield Path(shutil.copy(blank, Path(folder) / "agent.db"))


@pytest.fixture
def node_of(storage: Path, monkeypatch: pytest.MonkeyPatch) -> NodeOf:
    """Opens a node that takes calls of a project, until the context ends."""

    def of(project: Project, *, calls: int = 1000) -> AbstractAsyncContextManager[Shell]:
        return shell(project, storage, monkeypatch, calls=calls)

    return of


@pytest.fixture
async def node(node_of: NodeOf) -> AsyncIterator[Shell]:
    """A node that takes calls of a plain project."""
    async with node_of(care()) as made:
        yield made


@pytest.fixture
async def left(storage: Path) -> AsyncIterator[Left]:
    """What processes leave behind on a storage."""
    made = Left(storage)
    yield made
    await made.aclose()
