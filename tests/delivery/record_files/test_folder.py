# SPDX-License-Identifier: GPL-3.0-or-later
"""The files on disk: where they stand is found out from the files themselves, whatever happened to them."""

from __future__ import annotations

import gzip
import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from agent.core.model.record_files import RecordFiles
from agent.delivery.record_files.folder import FileTakenError, RecordFolder
from agent.delivery.record_files.lines import NONE, Line, RecordFileError

Settings: TypeAlias = Callable[..., RecordFiles]

DAY = 86_400.0
NOON = 1_800_000_000.0 + 4 * 3600  # 2027-01-15T12:00Z


FOREIGN = b"".join(
    text + b"\n"
    for text in (
        b'"a note"',
        b"another",
        b"\xff\xfe",
        b'{"sequence": null, "call_id": "c-9"}',
        b'{"sequence": 9}',
        b'{"sequence": true, "call_id": "c-9"}',
        b'{"sequence": 1e3, "call_id": "c-9"}',
        b'{"sequence": 9007199254740992, "call_id": "c-9"}',
        b'{"sequence": -1, "call_id": "c-9"}',
        b'{"sequence": 9, "call_id": ""}',
        b"[9]",
        b"[" * 100_000,
    )
)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def line(number: int) -> bytes:
    return json.dumps({"version": 1, "sequence": number, "call_id": f"c-{number}"}).encode() + b"\n"


def lines(first: int, last: int) -> bytes:
    return b"".join(map(line, range(first, last + 1)))


class Timed(RecordFolder):
    """One whose files are of the day of the test's clock, though the system has another time."""

    def close(self) -> None:
        """Close it."""
        super().close()
        if self._path.exists():
            os.utime(self._path, (self._clock(), self._clock()))


@pytest.fixture
def folder(settings: Settings, clock: Clock) -> Iterator[RecordFolder]:
    made = Timed(settings(), "edge-1", clock)
    yield made
    made.close()


@pytest.fixture
def active(place: Path) -> Path:
    return place / "edge-1.jsonl"


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


def test_it_begins_at_nothing_and_only_the_group_may_read(
    folder: RecordFolder, place: Path, active: Path
) -> None:
    assert folder.open(0) == NONE
    folder.append(lines(1, 3), 3)
    assert active.read_bytes() == lines(1, 3)
    assert stat.S_IMODE(active.stat().st_mode) & 0o007 == 0
    assert stat.S_IMODE(place.stat().st_mode) & 0o007 == 0


def test_it_stands_where_the_last_whole_line_says(folder: RecordFolder, active: Path) -> None:
    folder.open(0)
    folder.append(lines(1, 3), 3)
    folder.close()
    assert folder.open(0).number == 3
    folder.append(line(4), 4)
    assert active.read_bytes() == lines(1, 4)


@pytest.mark.parametrize("cut", range(1, len(line(3))))
def test_a_line_that_was_cut_is_cut_off(folder: RecordFolder, active: Path, cut: int) -> None:
    folder.open(0)
    folder.append(lines(1, 3), 3)
    folder.close()
    os.truncate(active, len(lines(1, 3)) - cut)
    assert folder.open(0).number == 2
    assert active.read_bytes() == lines(1, 2)


def test_a_file_in_which_nothing_is_whole_is_begun_anew(folder: RecordFolder, active: Path) -> None:
    folder.open(0)
    folder.close()
    active.write_bytes(line(1)[:-4])
    assert folder.open(0).number == 0
    assert active.read_bytes() == b""


def test_what_somebody_else_wrote_at_the_end_stays_and_is_passed_over(
    folder: RecordFolder, active: Path
) -> None:
    folder.open(0)
    folder.append(lines(1, 3), 3)
    folder.close()
    with active.open("ab") as file:
        file.write(FOREIGN)
    assert folder.open(0) == Line(3, "c-3")


def test_a_file_that_is_none_of_ours_is_left_alone(folder: RecordFolder, place: Path, active: Path) -> None:
    place.mkdir()
    active.write_bytes(b"x" * (1 << 20))
    with pytest.raises(RecordFileError, match=r"is no record file: move it away"):
        folder.open(0)
    assert active.stat().st_size == 1 << 20


def test_one_that_was_taken_away_while_nobody_wrote_is_followed_by_another(
    folder: RecordFolder, active: Path
) -> None:
    folder.open(0)
    folder.append(lines(1, 3), 3)
    folder.close()
    active.unlink()
    assert folder.open(3) == NONE
    folder.append(line(4), 4)
    assert active.read_bytes() == line(4)


def test_only_one_process_writes(settings: Settings, folder: RecordFolder, clock: Clock) -> None:
    folder.open(0)
    second = RecordFolder(settings(), "edge-1", clock)
    with pytest.raises(RecordFileError, match="another process writes to"):
        second.open(0)
    second.close()
    folder.append(line(1), 1)
    neighbour = RecordFolder(settings(), "edge-2", clock)
    assert neighbour.open(0).number == 0, "its files are its own"
    neighbour.close()


def test_the_folder_above_is_not_made(settings: Settings, clock: Clock, place: Path) -> None:
    lost = RecordFolder(settings(folder=str(place / "deeper")), "edge-1", clock)
    with pytest.raises(FileNotFoundError):
        lost.open(0)


# -- a new file ----------------------------------------------------------------------------------------------


def test_a_full_file_is_followed_by_another(settings: Settings, clock: Clock, place: Path) -> None:
    folder = RecordFolder(settings(rotate={"size": "64kB"}, compress="none"), "edge-1", clock)
    folder.open(0)
    last = 0
    while len(names(place)) < 3:
        folder.append(lines(last + 1, last + 50), last + 50)
        last += 50
    folder.close()
    done = [path for path in sorted(place.iterdir()) if path.name != "edge-1.jsonl"]
    assert all(path.name.startswith("edge-1-2027-01-15-0000") for path in done)
    assert b"".join(path.read_bytes() for path in done) == lines(1, last)
    assert (place / "edge-1.jsonl").read_bytes() == b""
    assert folder.open(0).number == last, "by the name of the newest one"
    folder.close()


def test_a_new_day_begins_a_new_file(folder: RecordFolder, clock: Clock, place: Path, active: Path) -> None:
    folder.open(0)
    folder.append(lines(1, 3), 3)
    clock.now += DAY
    folder.append(line(4), 4)
    assert active.read_bytes() == line(4)
    assert (place / "edge-1-2027-01-15-000000000003.jsonl").read_bytes() == lines(1, 3)


def test_a_day_without_calls_ends_too(folder: RecordFolder, clock: Clock, place: Path, active: Path) -> None:
    folder.open(0)
    folder.append(lines(1, 3), 3)
    folder.tend()
    assert names(place) == ["edge-1.jsonl"]
    clock.now += DAY
    folder.tend()
    folder.tend()
    assert names(place) == ["edge-1-2027-01-15-000000000003.jsonl.gz", "edge-1.jsonl"]
    assert active.read_bytes() == b""
    clock.now += DAY
    folder.tend()
    assert len(names(place)) == 2, "an empty file has no day"


def test_the_day_is_known_after_a_restart(
    settings: Settings, folder: RecordFolder, clock: Clock, place: Path, active: Path
) -> None:
    folder.open(0)
    folder.append(line(1), 1)
    folder.close()
    os.utime(active, (NOON, NOON))
    clock.now += DAY
    again = RecordFolder(settings(compress="none"), "edge-1", clock)
    assert again.open(1).number == 1
    again.append(line(2), 2)
    assert names(place) == ["edge-1-2027-01-15-000000000001.jsonl", "edge-1.jsonl"]
    again.close()


def test_no_file_is_written_over_where_numbers_come_again(
    settings: Settings, clock: Clock, place: Path
) -> None:
    folder = RecordFolder(settings(rotate={"daily": True}, compress="none"), "edge-1", clock)
    place.mkdir()
    (place / "edge-1-2027-01-15-000000000002.jsonl").write_bytes(b"of before\n")
    folder.open(0)
    folder.append(line(2), 2)
    clock.now += DAY
    folder.append(line(3), 3)
    folder.close()
    assert (place / "edge-1-2027-01-15-000000000002.jsonl").read_bytes() == b"of before\n"
    assert (place / "edge-1-2027-01-16-000000000002.jsonl").read_bytes() == line(2)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "compressed"])
def test_where_files_stand_is_told_by_numbers_and_not_by_days(
    folder: RecordFolder, place: Path, *, packed: bool
) -> None:
    """The clock was set back between the two; a file that is done tells its call where that is asked."""
    place.mkdir()
    for day, first, last in (("2027-02-15", 1, 100), ("2027-01-15", 101, 110)):
        text, name = lines(first, last), f"edge-1-{day}-{last:012d}.jsonl"
        (place / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(text) if packed else text)
    assert folder.open(100) == Line(110, "c-110")
    folder.close()
    assert folder.open(110) == Line(110, ""), "nobody needs to know"


@pytest.mark.parametrize(
    "spoiled", [b"", b"no gzip", gzip.compress(lines(1, 500))[:90]], ids=["empty", "no gzip", "cut off"]
)
def test_a_file_whose_last_line_can_t_be_read_has_its_number_in_its_name(
    folder: RecordFolder, place: Path, spoiled: bytes
) -> None:
    place.mkdir()
    (place / "edge-1-2027-01-15-000000000500.jsonl.gz").write_bytes(spoiled)
    assert folder.open(0) == Line(500, "")


def test_which_calls_are_in_files_can_be_asked(folder: RecordFolder, place: Path, active: Path) -> None:
    place.mkdir()
    (place / "edge-1-2027-01-14-000000000002.jsonl.gz").write_bytes(gzip.compress(lines(1, 2)))
    (place / "edge-1-2027-01-14-000000000004.jsonl").write_bytes(lines(3, 4) + FOREIGN)
    active.write_bytes(lines(5, 6))
    folder.open(0)
    assert folder.calls(1, 5) == {"c-2", "c-3", "c-4", "c-5"}
    assert folder.calls(4, 100) == {"c-5", "c-6"}
    (place / "edge-1-2027-01-14-000000000002.jsonl.gz").write_bytes(b"spoiled")
    assert folder.calls(2, 100) == {"c-3", "c-4", "c-5", "c-6"}
    with pytest.raises(RecordFileError, match=r"000002.jsonl.gz can't be read .*: move it away"):
        folder.calls(1, 100)


# -- what is done --------------------------------------------------------------------------------------------


def test_a_file_that_is_done_is_compressed_and_the_whole_of_it_is_in_it(
    folder: RecordFolder, clock: Clock, place: Path
) -> None:
    folder.open(0)
    folder.append(lines(1, 500), 500)
    clock.now += DAY
    folder.tend()
    packed = place / "edge-1-2027-01-15-000000000500.jsonl.gz"
    assert gzip.decompress(packed.read_bytes()) == lines(1, 500)
    assert stat.S_IMODE(packed.stat().st_mode) & 0o007 == 0
    folder.close()
    assert folder.open(0).number == 500


def test_what_a_dead_process_left_half_compressed_is_compressed_again(
    folder: RecordFolder, place: Path
) -> None:
    folder.open(0)
    done = place / "edge-1-2027-01-14-000000000002.jsonl"
    done.write_bytes(lines(1, 2))
    done.with_name(done.name + ".gz.part").write_bytes(b"half")
    folder.tend()
    assert names(place) == [f"{done.name}.gz", "edge-1.jsonl"]
    assert gzip.decompress(done.with_name(done.name + ".gz").read_bytes()) == lines(1, 2)


def test_one_that_stands_beside_its_compressed_form_goes(folder: RecordFolder, place: Path) -> None:
    folder.open(0)
    done = place / "edge-1-2027-01-14-000000000002.jsonl"
    done.write_bytes(lines(1, 2))
    done.with_name(done.name + ".gz").write_bytes(gzip.compress(lines(1, 2)))
    folder.tend()
    assert names(place) == [f"{done.name}.gz", "edge-1.jsonl"]


def test_old_files_go_and_those_of_others_stay(settings: Settings, clock: Clock, place: Path) -> None:
    place.mkdir()
    for name in (
        "edge-1-2027-01-04-000000000001.jsonl.gz",
        "edge-1-2027-01-14-000000000002.jsonl.gz",
        "edge-2-2027-01-01-000000000001.jsonl.gz",
        "edge-1-notes-2027-01-01.jsonl",
    ):
        (place / name).write_bytes(gzip.compress(line(1)))
    folder = RecordFolder(settings(keep="10d"), "edge-1", clock)
    folder.open(0)
    folder.tend()
    folder.close()
    assert names(place) == [
        "edge-1-2027-01-14-000000000002.jsonl.gz",
        "edge-1-notes-2027-01-01.jsonl",
        "edge-1.jsonl",
        "edge-2-2027-01-01-000000000001.jsonl.gz",
    ]


# -- what somebody does to the file meanwhile ----------------------------------------------------------------


def test_a_file_that_was_moved_away_is_followed_by_another(
    folder: RecordFolder, place: Path, active: Path
) -> None:
    folder.open(0)
    folder.append(line(1), 1)
    active.rename(place / "taken.jsonl")
    with pytest.raises(FileTakenError, match="took"):
        folder.look()
    with pytest.raises(FileTakenError, match="took"):
        folder.append(line(2), 2)
    folder.close()
    assert folder.open(1) == NONE
    folder.append(line(2), 2)
    assert (active.read_bytes(), (place / "taken.jsonl").read_bytes()) == (line(2), line(1))


def test_one_that_is_deleted_while_lines_are_written_loses_none_of_them(
    folder: RecordFolder, active: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.open(0)
    folder.append(line(1), 1)
    sync = os.fsync

    def deleted_first(descriptor: int) -> None:
        active.unlink()
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", deleted_first)
        with pytest.raises(FileTakenError, match="deleted"):
            folder.append(line(2), 2)
    folder.close()
    assert folder.open(1) == NONE
    folder.append(line(2), 2)
    assert active.read_bytes() == line(2)


@pytest.mark.parametrize("kind", ["link", "dangling link", "folder", "pipe", "device"])
def test_what_is_no_plain_file_is_told_and_left_alone(
    folder: RecordFolder, place: Path, active: Path, kind: str, tmp_path: Path
) -> None:
    place.mkdir()
    other = tmp_path / "other"
    if kind == "folder":
        active.mkdir()
    elif kind == "pipe":
        os.mkfifo(active)
    else:
        if kind == "link":
            other.write_bytes(b"of somebody\n")
        active.symlink_to("/dev/null" if kind == "device" else other)
    with pytest.raises(RecordFileError, match="is a link, a folder or a device: move it away"):
        folder.open(0)
    folder.close()
    assert (other.read_bytes() if other.exists() else b"of somebody\n") == b"of somebody\n"
    active.rename(tmp_path / "moved")
    folder.open(0)
    folder.append(line(1), 1)
    assert active.read_bytes() == line(1)


def test_the_folder_may_be_a_link_to_one_elsewhere(folder: RecordFolder, place: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    place.symlink_to(tmp_path / "elsewhere")
    folder.open(0)
    folder.append(line(1), 1)
    folder.look()
    assert (tmp_path / "elsewhere" / "edge-1.jsonl").read_bytes() == line(1)


# -- a disk that fails ---------------------------------------------------------------------------------------


def test_what_a_full_disk_took_only_a_part_of_is_taken_back(
    small_disk: Path, settings: Settings, clock: Clock
) -> None:
    folder = Timed(settings(folder=str(small_disk / "records")), "edge-1", clock)
    folder.open(0)
    folder.append(lines(1, 100), 100)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 40_000)
    with pytest.raises(OSError, match="No space"):
        folder.append(lines(101, 2000), 2000)
    folder.close()
    assert folder.open(100).number == 100
    with pytest.raises(OSError, match="No space"):
        folder.append(lines(101, 2000), 2000)
    folder.close()
    ballast.unlink()
    assert folder.open(100).number == 100
    folder.append(lines(101, 200), 200)
    assert (small_disk / "records" / "edge-1.jsonl").read_bytes() == lines(1, 200)
    folder.close()


def test_what_could_not_be_synced_is_written_again_though_it_can_be_read(
    folder: RecordFolder, active: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an error of fsync(2) nobody knows what is on disk, and no second one tells."""
    folder.open(0)
    folder.append(line(1), 1)

    def fails(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails)
        with pytest.raises(OSError, match="Input/output"):
            folder.append(lines(2, 3), 3)
    folder.close()
    assert folder.open(1).number == 1
    folder.append(lines(2, 3), 3)
    assert active.read_bytes() == lines(1, 3)


def test_a_compression_that_fails_leaves_the_file_as_it_was(
    folder: RecordFolder, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.open(0)
    done = place / "edge-1-2027-01-14-000000000002.jsonl"
    done.write_bytes(lines(1, 2))

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfileobj", fails)
        with pytest.raises(OSError, match="No space"):
            folder.tend()
    assert names(place) == [done.name, "edge-1.jsonl"]
    folder.tend()
    assert names(place) == [f"{done.name}.gz", "edge-1.jsonl"]


def test_one_that_can_t_be_compressed_holds_up_no_other(folder: RecordFolder, place: Path) -> None:
    folder.open(0)
    first, second = (place / f"edge-1-2027-01-14-{number:012d}.jsonl" for number in (2, 4))
    first.mkdir()
    second.write_bytes(lines(3, 4))
    with pytest.raises(IsADirectoryError):
        folder.tend()
    assert names(place) == [first.name, f"{second.name}.gz", "edge-1.jsonl"]
