# SPDX-License-Identifier: GPL-3.0-or-later
"""A day ends while lines are written: files end with it in UTC, whatever the local zone, each line once."""

from __future__ import annotations

import gzip
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import pytest

from agent.core.model.record_files import RecordFiles
from agent.core.records import CallRecord
from agent.delivery.record_files import writer as writer_module
from agent.delivery.record_files.writer import RecordWriter
from agent.delivery.sqlite import SqliteStore
from tests.calls.harness.waiting import eventually
from tests.delivery.record_files.test_writer import Told

Settings: TypeAlias = Callable[..., RecordFiles]
MakeCall: TypeAlias = Callable[..., CallRecord]


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


class Night:
    """A writer and its clock."""

    def __init__(self, store: SqliteStore, settings: RecordFiles, make_call: MakeCall) -> None:
        self._store = store
        self._settings = settings
        self._make_call = make_call
        self.folder = settings.folder
        self.now = 0.0
        self.told = Told()
        self.over: list[str] = []
        self._writer: RecordWriter | None = None

    def begin(self) -> None:
        """A process starts to write."""
        self._writer = RecordWriter(
            self._store, self._settings, "edge-1", self.told, self.told.took, clock=lambda: self.now
        )

    async def end(self) -> None:
        """It ends."""
        if self._writer is not None:
            await self._writer.aclose()
            self._writer = None
        assert self.told.errors == []

    async def ends_at(self, when: str, count: int = 1) -> None:
        """So many calls end at this time (UTC), and their lines are written then."""
        self.now = at(when)
        for _ in range(count):
            call = self._make_call(f"call-{len(self.over)}")
            self.over.append(call.call_id)
            await self._store.open_call(call, None)
            await self._store.update_call(
                call.moved("ended", ended=self.now, end="caller", reason="caller_hung_up")
            )
        await eventually(lambda: self.told.filed == len(self.over), what="their lines are written")
        path = self.folder / "edge-1.jsonl"
        os.utime(path, (self.now, self.now))  # by the test's clock, for whoever opens it next

    async def comes(self, when: str, files: list[str]) -> None:
        """Nobody calls until this time; then these files are done, and whole."""
        self.now = at(when)
        await self.are_done(lambda: self.done() == files)

    async def are_done(self, as_wanted: Callable[[], bool]) -> None:
        """Wait until files are done as wanted, and each of them is compressed."""
        await eventually(lambda: as_wanted() and not self._plain(), what="files are done and compressed")

    def _plain(self) -> list[str]:
        names = {path.name for path in self.folder.iterdir()} - {"edge-1.jsonl"}
        return [name for name in names if not name.endswith(".gz")]

    def done(self) -> list[str]:
        """The names of files that are done, without what all of them have."""
        names = {path.name.partition(".")[0] for path in self.folder.iterdir()} - {"edge-1"}
        return sorted(name.removeprefix("edge-1-") for name in names)

    def calls_in(self, name: str) -> list[str]:
        """The calls in one of them."""
        return calls_in((self.folder / f"edge-1-{name}.jsonl.gz").read_bytes())

    def hold(self) -> None:
        """Hold all files together to each call once and in order, and each to being whole."""
        found = [call for name in self.done() for call in self.calls_in(name)]
        found += calls_in((self.folder / "edge-1.jsonl").read_bytes())
        assert found == self.over


def calls_in(data: bytes) -> list[str]:
    text = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    assert not text or text.endswith(b"\n")
    return [json.loads(line)["call_id"] for line in text.splitlines()]


@pytest.fixture(params=["UTC", "Europe/Berlin", "America/New_York"])
def _zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
async def night(
    store: SqliteStore, settings: Settings, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Night]:
    monkeypatch.setattr(writer_module, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(writer_module, "TEND_SECONDS", 0.0)
    made = Night(store, settings(rotate={"size": "64kB"}), make_call)
    yield made
    await made.end()


@pytest.mark.usefixtures("_zone")
@pytest.mark.parametrize("day", ["2027-03-28", "2027-10-31", "2027-03-14", "2027-11-07"])
async def test_calls_around_midnight_are_in_the_file_of_their_day(night: Night, day: str) -> None:
    """Each of the days has a change of the clock: two of Europe, two of New York."""
    after = datetime.fromtimestamp(at(day) + 86_400, UTC).date().isoformat()
    night.now = at(f"{day}T00:00:00")
    night.begin()
    await night.ends_at(f"{day}T00:00:00")
    for hour in (1, 2, 3, 4, 5, 6, 7, 12, 22, 23):  # local midnights and clock changes among them
        await night.ends_at(f"{day}T{hour:02}:30:00")
    await night.ends_at(f"{day}T23:59:59.999")
    assert night.done() == []
    await night.ends_at(f"{after}T00:00:00")
    await night.ends_at(f"{after}T00:00:00.001")
    await night.comes(f"{after}T00:01:00", [f"{day}-000000000012"])
    assert night.calls_in(f"{day}-000000000012") == night.over[:12]
    night.hold()


async def test_a_night_without_calls_ends_the_file_too(night: Night) -> None:
    night.now = at("2027-01-15T12:00:00")
    night.begin()
    await night.ends_at("2027-01-15T23:59:59.999", 3)
    await night.comes("2027-01-16T00:00:00", ["2027-01-15-000000000003"])
    await night.comes("2027-01-19T00:00:00", ["2027-01-15-000000000003"])
    await night.ends_at("2027-01-19T00:00:00")
    night.hold()


async def test_a_file_that_is_full_at_midnight_is_done_once(night: Night) -> None:
    night.now = at("2027-01-15T12:00:00")
    night.begin()
    await night.ends_at("2027-01-15T23:59:59", 300)
    await night.are_done(lambda: len(night.done()) >= 1)
    await night.ends_at("2027-01-16T00:00:00", 300)
    await night.ends_at("2027-01-17T00:00:00")
    await night.are_done(lambda: night.done()[-1].startswith("2027-01-16"))
    days = [name[:10] for name in night.done()]
    assert days == sorted(days)
    assert set(days) == {"2027-01-15", "2027-01-16"}
    for name in night.done():
        assert int(name[11:]) == int(night.calls_in(name)[-1].removeprefix("call-")) + 1
    night.hold()


async def test_a_process_that_starts_behind_midnight_ends_the_day_of_before(night: Night) -> None:
    night.now = at("2027-01-15T12:00:00")
    night.begin()
    await night.ends_at("2027-01-15T23:59:59", 2)
    await night.end()
    night.now = at("2027-01-16T00:00:00")
    night.begin()
    await night.ends_at("2027-01-16T00:00:01")
    await night.comes("2027-01-16T00:00:02", ["2027-01-15-000000000002"])
    night.hold()


@pytest.mark.parametrize("back", ["2027-01-15T23:30:00", "2027-01-14T12:00:00"])
async def test_a_clock_that_is_set_back_across_midnight_loses_no_line(night: Night, back: str) -> None:
    night.now = at("2027-01-16T00:00:00")
    night.begin()
    await night.ends_at("2027-01-16T00:00:01", 2)
    await night.ends_at(back, 2)
    await night.ends_at("2027-01-16T00:00:01", 2)
    await night.end()
    found = sorted(
        (line for path in night.folder.iterdir() for line in calls_in(path.read_bytes())),
        key=lambda call_id: int(call_id.removeprefix("call-")),
    )
    assert found == night.over


def test_the_zone_of_the_files_is_said_in_the_documentation() -> None:
    page = (Path(__file__).parents[3] / "docs" / "records.md").read_text(encoding="utf-8")
    assert "over (UTC, whatever the local zone)" in page
