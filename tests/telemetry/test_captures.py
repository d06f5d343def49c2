# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures: which calls are in them, how they end, and that no disk holds anybody up."""

from __future__ import annotations

import asyncio
import os
import stat
import struct
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.core.model.capture import CaptureSettings
from agent.core.sides import Side
from agent.telemetry import capture_file
from agent.telemetry import captures as module
from agent.telemetry.capture import Capture, Wanted
from agent.telemetry.captures import CaptureRefusedError, Captures
from agent.telemetry.pcap import HEADER
from tests.calls.harness.waiting import eventually
from tests.telemetry.wire import Wire

IP_AND_UDP = 28


class Desk:
    """Captures of a wire that tests speak on."""

    def __init__(self, folder: Path, **limits: object) -> None:
        self.settings: CaptureSettings | None = CaptureSettings.model_validate(
            {"folder": folder / "captures", **limits}
        )
        self.wire = Wire()
        self.alive: set[str] = set()
        self.captures = Captures(self.wire.messages, lambda: self.settings, lambda call: call in self.alive)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    yield made
    await made.captures.aclose()
    assert made.wire.errors == []


async def read(capture: Capture) -> list[bytes]:
    """What the packets of an ended capture carry."""
    await capture.written()
    data = capture.path.read_bytes()
    assert data[: len(HEADER)] == HEADER
    at, found = len(HEADER), []
    while at < len(data):
        _, _, kept, length = struct.unpack_from("<IIII", data, at)
        assert kept == length
        found.append(data[at + 16 + IP_AND_UDP : at + 16 + kept])
        at += 16 + kept
    assert at == len(data), "the last packet is whole"
    return found


@pytest.mark.parametrize(
    "wanted", [Wanted(call="c-1"), Wanted(call="4512"), Wanted(call="dialog-1"), Wanted(number="9995550100")]
)
async def test_just_the_wanted_calls_are_in_it(desk: Desk, wanted: Wanted) -> None:
    desk.wire.call("c-1", "dialog-1")
    desk.wire.call("c-2", "dialog-2", project="sales", number="9995550200", contact="4513")
    capture = await desk.captures.start(wanted)
    ours = [desk.wire.comes("dialog-1"), desk.wire.comes("dialog-1", "BYE", sent=True)]
    desk.wire.comes("dialog-2")
    desk.wire.comes("of no call", "OPTIONS")
    desk.captures.stop(capture)
    desk.wire.comes("dialog-1", "ACK")
    assert await read(capture) == ours
    assert (capture.packets, capture.shown()["call_ids"], capture.why) == (2, ["c-1"], "stopped")


async def test_calls_that_begin_later_are_in_it_with_all_their_legs(desk: Desk) -> None:
    capture = await desk.captures.start(Wanted(project="care"))
    desk.wire.call("c-1", "dialog-1")
    first = desk.wire.comes("dialog-1")
    desk.wire.call("c-1", "dialog-2", side=Side.AGENT)
    second = desk.wire.comes("dialog-2", sent=True)
    desk.captures.stop(capture)
    assert await read(capture) == [first, second]


async def test_what_came_before_of_the_one_wanted_call_is_in_it_as_far_as_it_is_still_there(
    desk: Desk,
) -> None:
    desk.wire.call("c-1", "dialog-1")
    gone, there = desk.wire.comes("dialog-1"), desk.wire.comes("dialog-1", "ACK")
    desk.wire.bytes[desk.wire.bytes.index(gone)] = None
    capture = await desk.captures.start(Wanted(call="c-1"))
    desk.captures.stop(capture)
    assert await read(capture) == [there]
    assert capture.dropped == 1


async def test_nobody_else_may_read_the_file(desk: Desk) -> None:
    capture = await desk.captures.start(Wanted(project="care"))
    assert stat.S_IMODE(capture.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(capture.path.parent.stat().st_mode) == 0o700


async def test_it_ends_when_it_is_full_and_what_is_in_it_is_whole(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.wire.call("c-1", "dialog-1")
    capture = await desk.captures.start(Wanted(project="care"), size=10_000)
    said = [desk.wire.comes("dialog-1") for _ in range(100)]
    desk.captures.look()
    assert capture.why == "it is full: 10000 bytes"
    found = await read(capture)
    assert found == said[: len(found)]
    assert 9_000 < capture.path.stat().st_size <= 10_000


async def test_it_ends_in_time_whatever_the_clock_says(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("agent.telemetry.capture.time.monotonic", lambda: now)
    monkeypatch.setattr("agent.telemetry.capture.time.time", lambda: 2000.0 - now)
    capture = await desk.captures.start(Wanted(project="care"), seconds=60)
    now = 1059.0
    desk.captures.look()
    assert capture.ended is None
    now = 1060.0
    desk.captures.look()
    assert capture.why == "its time is over"


async def test_that_of_one_call_ends_behind_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.0)
    capture = await desk.captures.start(Wanted(call="4512"))
    desk.captures.look()
    assert capture.ended is None, "the call has not begun"
    desk.alive.add("c-1")
    desk.wire.call("c-1", "dialog-1")
    desk.wire.comes("dialog-1")
    desk.captures.look()
    assert capture.ended is None
    desk.alive.clear()
    desk.captures.look()
    assert capture.why == "its call is over"


async def test_a_disk_that_is_full_ends_it_with_a_word_and_leaves_a_whole_file(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.wire.call("c-1", "dialog-1")
    capture = await desk.captures.start(Wanted(project="care"))
    first = desk.wire.comes("dialog-1")
    await eventually(lambda: capture.path.stat().st_size > len(HEADER), what="the first message is written")
    write, room = os.write, [7]

    def onto_disk(descriptor: int, data: memoryview) -> int:
        if not room:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[: room.pop()])

    monkeypatch.setattr("agent.telemetry.capture_file.os.write", onto_disk)
    desk.wire.comes("dialog-1", "BYE")
    await eventually(lambda: capture.fault is not None, what="the disk is full")
    desk.wire.comes("dialog-1", "ACK")
    desk.captures.look()
    assert capture.why.endswith("No space left on device")
    monkeypatch.undo()
    assert await read(capture) == [first]


async def test_what_a_slow_disk_has_no_room_for_is_counted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture_file, "WAITING_BYTES", 0)
    desk.wire.call("c-1", "dialog-1")
    capture = await desk.captures.start(Wanted(project="care"))
    monkeypatch.setattr(capture._file, "_gone", -1)
    desk.wire.comes("dialog-1")
    assert (capture.packets, capture.dropped, desk.captures.dropped) == (0, 1, 1)


@pytest.mark.parametrize(
    ("options", "status", "says"),
    [
        ({"seconds": 3601.0}, 422, "capture.longest"),
        ({"size": 50_000_001}, 422, "capture.size"),
    ],
)
async def test_more_than_the_configuration_allows_is_refused(
    desk: Desk, options: dict[str, float], status: int, says: str
) -> None:
    with pytest.raises(CaptureRefusedError, match=says) as caught:
        await desk.captures.start(Wanted(project="care"), **options)  # type: ignore[arg-type]
    assert caught.value.status == status
    assert desk.captures.all() == []


async def test_there_are_so_many_at_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path, at_once=2)
    first = await desk.captures.start(Wanted(project="care"))
    await desk.captures.start(Wanted(project="sales"))
    with pytest.raises(CaptureRefusedError, match="2 captures are under way"):
        await desk.captures.start(Wanted(project="more"))
    desk.captures.stop(first)
    await desk.captures.start(Wanted(project="more"))
    await desk.captures.aclose()
    assert {one.why for one in desk.captures.all()} == {"stopped", "the agent ends"}


async def test_without_a_folder_there_are_none(desk: Desk) -> None:
    desk.settings = None
    with pytest.raises(CaptureRefusedError, match="captures are off: name a folder"):
        await desk.captures.start(Wanted(project="care"))


async def test_a_folder_that_can_t_be_made_or_holds_too_much_is_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path, total="100kB", size="50kB")
    folder = tmp_path / "captures"
    folder.write_text("no folder")
    with pytest.raises(CaptureRefusedError, match=r"can't be written: .*File exists") as caught:
        await desk.captures.start(Wanted(project="care"))
    assert caught.value.status == 507
    folder.unlink()
    folder.mkdir()
    (folder / "old.pcap").write_bytes(b"x" * 50_001)
    with pytest.raises(CaptureRefusedError, match=r"capture\.total allows 100000: delete some"):
        await desk.captures.start(Wanted(project="care"))
    (folder / "old.pcap").unlink()
    capture = await desk.captures.start(Wanted(project="care"))
    await desk.captures.delete(capture)
    assert list(folder.iterdir()) == []
    assert desk.captures.find(capture.capture_id) is None


async def test_a_folder_that_hangs_is_given_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_OPEN_SECONDS", 0.05)
    go_on = threading.Event()
    monkeypatch.setattr(capture_file.CaptureFile, "_refuse_what_is_too_much", lambda _: go_on.wait())
    with pytest.raises(CaptureRefusedError, match="does not answer"):
        await desk.captures.start(Wanted(project="care"))
    go_on.set()
    assert desk.captures.all() == []


async def test_a_disk_that_hangs_in_a_write_costs_packets_and_holds_nobody_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.wire.call("c-1", "dialog-1")
    capture = await desk.captures.start(Wanted(project="care"))
    go_on, hangs, write = threading.Event(), threading.Event(), os.write

    def onto_disk(descriptor: int, data: memoryview) -> int:
        hangs.set()
        go_on.wait()
        return write(descriptor, data)

    monkeypatch.setattr("agent.telemetry.capture_file.os.write", onto_disk)
    desk.wire.comes("dialog-1")
    await eventually(hangs.is_set, what="the disk hangs")
    block = b"x" * 1_000_000
    for _ in range(10):
        capture.put(block, 50)  # were one of these to wait, nobody would let the disk go on
    assert capture.dropped == 50 * 10 - (capture.packets - 1) >= 250
    desk.captures.stop(capture)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await capture.written()
    go_on.set()
    await capture.written()
    assert capture.path.stat().st_size == capture.whole == capture.bytes


async def test_a_disk_that_hangs_in_a_deletion_is_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = await desk.captures.start(Wanted(project="care"))
    go_on = threading.Event()
    monkeypatch.setattr(module, "_OPEN_SECONDS", 0.05)
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: go_on.wait())
    with pytest.raises(CaptureRefusedError, match=r"can't be deleted: its disk does not answer") as caught:
        await desk.captures.delete(capture)
    go_on.set()
    assert caught.value.status == 507
    assert desk.captures.find(capture.capture_id) is capture, "it may be tried again"


async def test_one_that_somebody_looks_after_ends_once_nobody_asks_for_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("agent.telemetry.captures.time.monotonic", lambda: now)
    monkeypatch.setattr("agent.telemetry.capture.time.monotonic", lambda: now)
    capture = await desk.captures.start(Wanted(project="care"), attended=30.0)
    other = await desk.captures.start(Wanted(project="care"))
    for now in (1029.0, 1058.0):  # noqa: B007 - it is the clock
        desk.captures.look()
        assert desk.captures.find(capture.capture_id) is capture
    now = 1088.0
    desk.captures.look()
    assert capture.why == "nobody has asked for it for 30 s"
    assert other.ended is None
