# SPDX-License-Identifier: GPL-3.0-or-later
"""What is over in the storage is in the file, once, though disk and storage fail at each step."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from structlog.testing import capture_logs

from agent.core.model.record_files import RecordFiles
from agent.core.record_form import as_line
from agent.core.records import CallRecord
from agent.delivery.record_files import writer as writer_module
from agent.delivery.record_files.folder import RecordFolder
from agent.delivery.record_files.writer import AT_ONCE, RecordWriter
from agent.delivery.sqlite import SqliteStore
from agent.delivery.store import Store
from tests.calls.harness.waiting import eventually
from tests.shell.harness.storage import Fault, FaultyStore

Settings: TypeAlias = Callable[..., RecordFiles]
MakeCall: TypeAlias = Callable[..., CallRecord]


class Told:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.filed = 0
        self.faulty = False
        self.faults = 0
        self.errors: list[Exception] = []

    def records_filed(self, count: int) -> None:
        """Count them."""
        self.filed += count

    def record_files_faulty(self, *, faulty: bool) -> None:
        """Keep it."""
        self.faulty = faulty
        self.faults += faulty

    def took(self, where: str, error: Exception) -> None:
        """Keep it."""
        assert where == "records"
        self.errors.append(error)


class Desk:
    """A storage, a folder, and the writer between them."""

    def __init__(self, real: SqliteStore, settings: RecordFiles, make_call: MakeCall) -> None:
        self._real = real
        self.store = FaultyStore(real)
        self.settings = settings
        self.told = Told()
        self._make_call = make_call
        self._ended = 0
        self._writer: RecordWriter | None = None

    def begin(self) -> None:
        """A process starts to write."""
        store: Store = self.store.as_store
        self._writer = RecordWriter(store, self.settings, "edge-1", self.told, self.told.took)

    async def end(self) -> None:
        """It ends."""
        if self._writer is not None:
            await self._writer.aclose()
            self._writer = None

    async def ended(self, count: int) -> None:
        """So many more calls are over."""
        for _ in range(count):
            call = self._make_call(f"call-{self._ended}")
            await self._real.open_call(call, None)
            await self._real.update_call(call.moved("ended", ended=2000.0, end="caller", reason="caller"))
            self._ended += 1

    async def written(self) -> None:
        """Wait until all that are over are in the file."""
        await eventually(lambda: len(self.ids()) >= self._ended, what="all are written")

    def ids(self) -> list[str]:
        """The calls in the file."""
        path = self.settings.folder / "edge-1.jsonl"
        text = path.read_bytes() if path.exists() else b""
        return [json.loads(line)["call_id"] for line in text.split(b"\n")[:-1]]

    def hold(self) -> None:
        """Hold the file to all calls, each once, in order."""
        assert self.ids() == [f"call-{number}" for number in range(self._ended)]


def leads(link: Path, to: Path) -> None:
    """Let a link lead there, in one step: in between the writer would make a folder in its place."""
    other = link.with_name("another link")
    other.symlink_to(to)
    other.replace(link)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(writer_module, "LONGEST_PAUSE", 0.02)
    monkeypatch.setattr(writer_module, "SLOW_SECONDS", 3600.0)  # the machine of the tests may be busy


@pytest.fixture
async def desk(store: SqliteStore, settings: Settings, make_call: MakeCall) -> AsyncIterator[Desk]:
    made = Desk(store, settings(), make_call)
    yield made
    made.store.release()
    await made.end()


async def test_calls_that_are_over_get_a_line_each_in_their_order(desk: Desk) -> None:
    await desk.ended(3)
    desk.begin()
    await desk.written()
    await desk.ended(2 * AT_ONCE + 1)
    await desk.written()
    desk.hold()
    await eventually(lambda: desk.told.filed == 2 * AT_ONCE + 4)
    assert (desk.told.faulty, desk.told.errors) == (False, [])


async def test_a_database_of_either_kind_is_followed(
    each_store: Store, settings: Settings, make_call: MakeCall
) -> None:
    told = Told()
    path = settings().folder / "edge-1.jsonl"
    for part in range(2):
        writer = RecordWriter(each_store, settings(), "edge-1", told, told.took)
        for number in range(AT_ONCE + 3):
            call = make_call(f"call-{part}-{number}")
            await each_store.open_call(call, None)
            await each_store.update_call(call.moved("ended", ended=2000.0, end="caller", reason="caller"))
        await writer.aclose()
    found = [json.loads(line)["call_id"] for line in path.read_text(encoding="ascii").splitlines()]
    assert found == [f"call-{part}-{number}" for part in range(2) for number in range(AT_ONCE + 3)]
    assert (told.faults, told.errors) == (0, [])


async def test_the_next_process_goes_on_where_the_last_one_ended(desk: Desk) -> None:
    for _ in range(3):
        desk.begin()
        await desk.ended(2)
        await desk.end()
        desk.hold()
    assert (await desk.store.as_store.filed()).position == 6


async def test_what_is_over_when_the_process_ends_is_written_yet(desk: Desk) -> None:
    desk.begin()
    await desk.written()
    await desk.ended(AT_ONCE + 5)
    await desk.end()
    desk.hold()


async def test_how_far_it_came_is_noted_for_whoever_forgets_old_calls(desk: Desk) -> None:
    desk.begin()
    await desk.ended(4)
    await desk.written()
    await desk.end()
    assert (await desk.store.as_store.filed()).position == 4


@pytest.mark.parametrize("kind", [Fault.BEFORE, Fault.AFTER])
@pytest.mark.parametrize("operation", ["filed", "finished", "note_filed"])
@pytest.mark.parametrize("nth", [1, 2])
async def test_a_storage_that_fails_at_any_step_costs_no_record_and_writes_none_twice(
    desk: Desk, operation: str, nth: int, kind: Fault
) -> None:
    desk.store.plan[operation, nth] = kind
    desk.begin()
    for _ in range(3):
        await desk.ended(2)
        await desk.written()
    await desk.end()
    desk.hold()


STEPS = ("open", "append", "close", "tend")


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), OSError(30, "Read-only file system")]
)
@pytest.mark.parametrize("done", [False, True], ids=["nothing of it stands", "it stands"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("nth", [1, 2])
async def test_a_disk_that_fails_at_any_step_costs_no_record_and_writes_none_twice(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    *,
    step: str,
    nth: int,
    done: bool,
    error: OSError,
) -> None:
    monkeypatch.setattr(writer_module, "TEND_SECONDS", 0.0)
    work: Callable[..., Any] = getattr(RecordFolder, step)
    seen: list[str] = []

    def fails(*args: Any) -> Any:  # noqa: ANN401 - any of them
        seen.append(step)
        if len(seen) != nth:
            return work(*args)
        if done:
            work(*args)
        raise error

    monkeypatch.setattr(RecordFolder, step, fails)
    desk.begin()
    for _ in range(3):
        await desk.ended(2)
        await desk.written()
    if step == "close":
        desk.told.errors.clear()
    await eventually(lambda: not desk.told.faulty, what="it is well again")
    monkeypatch.undo()
    await desk.end()
    desk.hold()


async def test_a_disk_that_is_gone_for_a_while_is_told_once_and_what_waited_is_written(
    desk: Desk, tmp_path: Path
) -> None:
    place, elsewhere = desk.settings.folder, tmp_path / "elsewhere"
    with capture_logs() as said:
        elsewhere.mkdir()
        leads(place, elsewhere)
        desk.begin()
        await desk.ended(2)
        await desk.written()
        leads(place, tmp_path / "nowhere")
        await desk.ended(3)
        await eventually(lambda: desk.told.faults > 2, what="it fails again and again")
        leads(place, elsewhere)
        await desk.written()
        await eventually(lambda: not desk.told.faulty)
        await desk.end()
    desk.hold()
    errors = [line for line in said if line["log_level"] == "error"]
    assert len(errors) == 1
    assert "they wait in the storage, and calls go on" in errors[0]["event"]
    assert [line for line in said if "again" in line["event"]]


async def test_a_disk_that_hangs_holds_up_neither_the_loop_nor_the_storage_nor_the_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    released, hangs = threading.Event(), threading.Event()
    append = RecordFolder.append

    def hanging(self: RecordFolder, lines: bytes, last: int) -> None:
        hangs.set()
        released.wait(30)
        append(self, lines, last)

    monkeypatch.setattr(RecordFolder, "append", hanging)
    desk.begin()
    await desk.ended(1)
    await eventually(hangs.is_set, what="it hangs")
    await desk.ended(50)
    assert desk.ids() == []
    assert await desk.store.as_store.call("call-50") is not None
    ending = asyncio.ensure_future(desk.end())
    await asyncio.sleep(0)
    ending.cancel()
    await asyncio.gather(ending, return_exceptions=True)
    released.set()
    await eventually(lambda: desk.ids() == ["call-0"], what="what hung is done")
    desk._writer = None
    monkeypatch.undo()

    def begins_again() -> bool:
        """Once the thread that hung has let go of the file."""
        return not desk.told.faulty and len(desk.ids()) == 51

    desk.begin()
    await eventually(begins_again, what="the next process goes on")
    await desk.end()
    desk.hold()


async def test_a_disk_that_hangs_is_told_while_it_does(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "SLOW_SECONDS", 0.05)
    released, hangs = threading.Event(), threading.Event()
    look = RecordFolder.look

    def hanging(self: RecordFolder) -> None:
        hangs.set()
        released.wait(30)
        look(self)

    monkeypatch.setattr(RecordFolder, "look", hanging)
    with capture_logs() as said:
        desk.begin()
        await eventually(hangs.is_set, what="it hangs")
        await eventually(lambda: desk.told.faulty, what="it is told, though nobody calls")
        released.set()
        await eventually(lambda: not desk.told.faulty, what="it is well again")
        monkeypatch.setattr(writer_module, "SLOW_SECONDS", 3600.0)
        await desk.ended(1)
        await desk.written()
        await desk.end()
    assert any("the disk has not answered" in line.get("error", "") for line in said)
    desk.hold()


@pytest.mark.parametrize("what", ["file", "folder"])
async def test_what_is_taken_away_while_nobody_calls_is_made_again_at_once(
    desk: Desk, what: str, tmp_path: Path
) -> None:
    place = desk.settings.folder
    with capture_logs() as said:
        desk.begin()
        await desk.ended(2)
        await desk.written()
        await eventually(lambda: desk.told.filed == 2, what="the writer knows")
        (place if what == "folder" else place / "edge-1.jsonl").rename(tmp_path / "taken")
        await eventually((place / "edge-1.jsonl").exists, what="another is made")
        await desk.end()
    assert desk.ids() == [], "what was written is not written again"
    assert desk.told.faults == 0, "nothing is wrong"
    assert [line for line in said if "taken away" in line["event"]]


async def test_a_folder_that_can_t_be_made_again_is_told_at_once_though_nobody_calls(
    desk: Desk, tmp_path: Path
) -> None:
    place, elsewhere = desk.settings.folder, tmp_path / "elsewhere"
    elsewhere.mkdir()
    leads(place, elsewhere)
    desk.begin()
    await desk.ended(2)
    await desk.written()
    leads(place, tmp_path / "nowhere")
    await eventually(lambda: desk.told.faulty, what="it is told")
    leads(place, elsewhere)
    await eventually(lambda: not desk.told.faulty, what="it is well again")
    await desk.ended(1)
    await desk.written()
    await desk.end()
    desk.hold()


async def test_an_error_of_ours_is_counted_and_the_next_look_comes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = [RuntimeError("a mistake")]

    def breaks(finished: Any) -> str:  # noqa: ANN401 - a call
        if broken:
            raise broken.pop()
        return as_line(finished)

    monkeypatch.setattr(writer_module, "as_line", breaks)
    desk.begin()
    await desk.ended(2)
    await desk.written()
    await desk.end()
    desk.hold()
    assert [str(error) for error in desk.told.errors] == ["a mistake"]


async def test_two_writers_of_one_file_do_not_meet_and_the_second_says_so(
    desk: Desk, make_call: MakeCall, store: SqliteStore
) -> None:
    desk.begin()
    await desk.ended(1)
    await desk.written()
    with capture_logs() as said:
        second = Desk(store, desk.settings, make_call)
        second.begin()
        await eventually(lambda: second.told.faulty)
        await second.end()
    (line,) = [line for line in said if line["log_level"] == "error"]
    assert "another process writes to" in line["error"]
    await desk.ended(1)
    await desk.written()
    desk.hold()
