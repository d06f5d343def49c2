# SPDX-License-Identifier: GPL-3.0-or-later
"""A storage from a backup beside files that go further: no call is left out of them, none comes twice."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from structlog.testing import capture_logs

from agent.core.model.record_files import RecordFiles
from agent.core.record_form import as_line
from agent.core.records import CallRecord
from agent.delivery.record_files import writer as writer_module
from agent.delivery.record_files.writer import RecordWriter
from agent.delivery.store import Store
from agent.delivery.stores import open_store
from tests.calls.harness.postgres import Postgres
from tests.delivery.record_files.test_writer import Told

Settings: TypeAlias = Callable[..., RecordFiles]
MakeCall: TypeAlias = Callable[..., CallRecord]
WARNING = "record files have calls that the storage does not know"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(writer_module, "SLOW_SECONDS", 3600.0)  # the machine of the tests may be busy


class Restored:
    """A node whose storage is now as it was some time ago; its files are not.

    Attributes:
        now: the storage.
    """

    def __init__(self, before: Store, now: Store, settings: RecordFiles, make_call: MakeCall) -> None:
        self._before = before
        self.now = now
        self._settings = settings
        self._make_call = make_call
        self.told = Told()

    async def happened(self, *names: str, filed: bool = True) -> None:
        """Calls of before the storage was restored, which are in files."""
        await self._ended(self._before, names)
        if filed:
            await self.written(self._before)

    async def happens(self, *names: str) -> None:
        """Calls of now."""
        await self._ended(self.now, names)

    async def backed_up(self, *names: str, noted: int) -> None:
        """These calls are in the backup, and of so many it was noted that they are in files."""
        await self._ended(self.now, names)
        numbers = [one.number or 0 for one in await self.now.finished(0, 100)]
        await self.now.note_filed(numbers[noted - 1] if noted else 0)

    async def written(self, store: Store | None = None) -> list[str]:
        """A process writes what is to be written, then ends; what the log warned of."""
        with capture_logs() as said:
            writer = RecordWriter(store or self.now, self._settings, "edge-1", self.told, self.told.took)
            await writer.aclose()
        assert self.told.errors == []
        assert not self.told.faulty
        return [line["event"] for line in said if line["log_level"] == "warning"]

    def lines(self) -> list[tuple[int, str]]:
        """Number and call of each line, by number."""
        found = []
        for path in self._settings.folder.iterdir():
            text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            found += [json.loads(line) for line in text.splitlines()]
        return sorted((line["sequence"], line["call_id"]) for line in found)

    def calls(self) -> list[str]:
        """The calls in files, by number."""
        return [call_id for _, call_id in self.lines()]

    def begin_anew(self) -> None:
        """The file that is written to is full: it is one that is done."""
        folder = self._settings.folder
        last = self.lines()[-1][0]
        (folder / "edge-1.jsonl").rename(folder / f"edge-1-2027-02-15-{last:012d}.jsonl")

    async def _ended(self, store: Store, names: tuple[str, ...]) -> None:
        for name in names:
            call = self._make_call(name)
            await store.open_call(call, None)
            await store.update_call(call.moved("ended", ended=2000.0, end="caller", reason="caller_hung_up"))


@pytest.fixture(params=["sqlite", "postgresql"])
async def node(
    request: pytest.FixtureRequest,
    postgres: Postgres,
    tmp_path: Path,
    settings: Settings,
    make_call: MakeCall,
) -> AsyncIterator[Restored]:
    sqlite = request.param == "sqlite"
    urls = [f"sqlite://{tmp_path / name}" if sqlite else postgres.new() for name in ("before.db", "now.db")]
    before, now = [await open_store(url, node="edge-1") for url in urls]
    yield Restored(before, now, settings(compress="none"), make_call)
    await before.aclose()
    await now.aclose()


@pytest.mark.parametrize("done", [False, True], ids=["in the file", "in one that is done"])
async def test_what_ends_after_the_backup_has_its_line_behind_the_others(
    node: Restored, *, done: bool
) -> None:
    await node.happened("a", "b", "c", "d", "e")
    if done:
        node.begin_anew()
    await node.backed_up("a", "b", noted=2)
    assert [said for said in await node.written() if WARNING in said]
    await node.happens("f", "g")
    assert await node.written() == [], "it is told once"
    await node.happens("h")
    await node.written()
    assert node.calls() == ["a", "b", "c", "d", "e", "f", "g", "h"]
    numbers = [number for number, _ in node.lines()]
    assert len({*numbers}) == len(numbers), "no number comes again"


async def test_what_ended_before_the_files_could_be_looked_at_is_not_left_out(node: Restored) -> None:
    """The folder was away at the start: `given` says nothing of what is in files."""
    await node.happened("a", "b", "c", "d", "e")
    await node.backed_up("a", "b", noted=2)
    await node.happens("f", "g")
    await node.written()
    assert node.calls() == ["a", "b", "c", "d", "e", "f", "g"]


async def test_what_was_in_files_and_not_noted_yet_at_the_backup_does_not_come_twice(node: Restored) -> None:
    await node.happened("a", "b", "c", "d", "e")
    node.begin_anew()
    await node.backed_up("a", "b", "c", noted=1)
    await node.happens("f")
    await node.written()
    assert node.calls() == ["a", "b", "c", "d", "e", "f"]


async def test_a_storage_that_is_as_far_as_the_files_by_now_is_told_by_its_calls(node: Restored) -> None:
    await node.happened("a", "b", "c")
    await node.backed_up("a", noted=1)
    await node.happens("f", "g", "h", "i")
    await node.written()
    assert node.calls() == ["a", "b", "c", "f", "g", "h", "i"]


async def test_a_new_storage_beside_old_files_goes_on_behind_them(node: Restored) -> None:
    await node.happened("a", "b")
    await node.written()
    assert node.calls() == ["a", "b"]
    await node.happens("f")
    await node.written()
    assert node.calls() == ["a", "b", "f"]


async def test_a_clock_that_was_set_back_leaves_nothing_out(node: Restored) -> None:
    """What is done later has an older day in its name."""
    await node.happened("a", "b", "c", "d", "e")
    node.begin_anew()
    await node.backed_up("a", "b", noted=2)
    await node.happens("f")
    await node.written()
    folder = node._settings.folder
    (folder / "edge-1.jsonl").rename(folder / f"edge-1-2027-01-15-{node.lines()[-1][0]:012d}.jsonl")
    await node.happens("g", "h")
    await node.written()
    await node.written()
    assert node.calls() == ["a", "b", "c", "d", "e", "f", "g", "h"]


async def test_a_kill_before_the_note_is_no_backup(node: Restored) -> None:
    await node.happens("a", "b", "c")
    await node.written()
    numbers = [number for number, _ in node.lines()]
    for noted in (None, 0, numbers[0]):
        await node.now.note_filed(noted)
        assert await node.written() == []
    node.begin_anew()
    await node.now.note_filed(numbers[0])
    assert await node.written() == []
    assert [number for number, _ in node.lines()] == numbers


async def test_the_file_of_another_agent_is_gone_on_with(node: Restored) -> None:
    """Of the same name, on a storage of its own: its lines stay, and ours come behind them."""
    await node.happened("of another", "and another")
    await node.happens("a", "b", "c")
    assert [said for said in await node.written() if "another agent's" in said]
    assert node.calls() == ["of another", "and another", "a", "b", "c"]


async def test_a_line_without_a_call_that_the_storage_can_have_given_is_believed(node: Restored) -> None:
    """All that is left of the last line is the number in the name of a file that can't be read."""
    await node.happens("a", "b", "c")
    found = await node.now.finished(0, 10)
    folder = node._settings.folder
    folder.mkdir()
    (folder / "notes.txt").write_text("", encoding="ascii")
    spoiled = folder / f"edge-1-2027-02-15-{found[1].number:012d}.jsonl"
    spoiled.write_text("", encoding="ascii")
    assert await node.written() == []
    (line,) = (folder / "edge-1.jsonl").read_text(encoding="ascii").splitlines(keepends=True)
    assert line == as_line(found[2])
