# SPDX-License-Identifier: GPL-3.0-or-later
"""The record files of a node on disk: appended to durably, begun anew by size and day, compressed, deleted.

All of it blocks. After an error whoever uses it closes it and opens it again, which finds out what stands:
the tail of the file is the truth, and a line that was cut is cut off. So a process may be killed between any
two of its steps.
"""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from agent.core.errors import AgentError
from agent.core.model.record_files import RecordFiles
from agent.delivery.record_files.names import GZIP, PART, DoneFile, active, done, done_files, today

_TAIL: Final = 1 << 20
"""The last line lies in the last so many bytes: one has some kilobytes."""
_CHUNK: Final = 1 << 20
_FOLDER_MODE: Final = 0o750
_FILE_MODE: Final = 0o640  # numbers of callers' calls: the group may read them, nobody else


class RecordFileError(AgentError):
    """A record file can't be used, for a reason that is not the system's."""

    retryable = True


class RecordFolder:
    """Writes the files of a node. Used by one thread at a time.

    Args:
        settings: where, and when a new file is begun.
        node: whose calls; others may have their files in the same folder.
        clock: seconds since the epoch.
    """

    def __init__(self, settings: RecordFiles, node: str, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._node = node
        self._clock = clock
        self._path = active(settings.folder, node)
        self._file = -1
        self._size = 0
        self._last = 0
        self._day: date | None = None  # of the last line in the file; None while it is empty
        self._sure: tuple[int, int] | None = None  # inode, and the size up to which it is surely on disk

    def open(self, noted: int, given: int) -> int:
        """Open the file, make it if need be, and find out where it stands.

        Args:
            noted: up to which number calls are in files, as the storage has it.
            given: the highest number that the storage has given. A file that is beyond it was written from
                another state of the storage, before a backup was restored: what comes now is new.

        Returns:
            The number up to which calls are in files.

        Raises:
            OSError: the file can't be used.
            RecordFileError: the same; another process writes to it, or it is no file of ours.
        """
        folder = self._settings.folder
        with suppress(FileExistsError):
            folder.mkdir(_FOLDER_MODE)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _FILE_MODE)
        self._hold()
        written = os.fstat(self._file).st_mtime  # before it is cut
        self._cut_what_is_not_sure()
        tail = self._read_tail()
        if tail is None:
            files = done_files(folder.iterdir(), self._node)
            tail = _stands([file.last for file in files], noted, given)
        os.fsync(self._file)
        _sync_folder(folder)
        self._remember(written)
        self._last = min(max(tail, noted), given)
        return self._last

    def append(self, lines: bytes, last: int) -> None:
        """Write whole lines; they are on disk when it returns.

        Args:
            lines: each with its end.
            last: the number of the last one.

        Raises:
            OSError: nobody knows what of them stands.
            RecordFileError: the file was deleted meanwhile.
        """
        now = today(self._clock())
        if self._day is not None and self._settings.rotate.daily and self._day != now:
            self._begin_anew()
        if not self._in_place():
            raise RecordFileError(f"somebody took {self._path} away: another is made")
        rest = memoryview(lines)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        os.fsync(self._file)
        found = os.fstat(self._file)
        if found.st_nlink == 0:
            self._sure = None
            raise RecordFileError(f"somebody deleted {self._path} just now: another is made")
        self._size, self._last, self._day = found.st_size, last, now
        self._sure = found.st_ino, found.st_size
        if self._size >= self._settings.rotate.size:
            self._begin_anew()

    def tend(self) -> None:
        """Begin a new file when the day is over, compress one that is done, delete what is too old.

        Raises:
            OSError: the disk refuses; what is left is done the next time.
        """
        now = today(self._clock())
        if self._day is not None and self._settings.rotate.daily and self._day != now:
            self._begin_anew()
        folder = self._settings.folder
        for part in folder.glob(f"{self._node}-*{GZIP}{PART}"):
            part.unlink()  # of a process that died over it
        files = done_files(folder.iterdir(), self._node)
        keep = self._settings.keep
        if keep is not None:
            for file in files:
                if file.day < now - timedelta(seconds=keep):
                    file.path.unlink()
        if self._settings.compress == "gzip":
            for file in files:
                if not file.compressed and file.path.exists():
                    self._compress(file)

    def close(self) -> None:
        """Let go of the file; what is in it stays."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    # -- below -------------------------------------------------------------------------------------------

    def _hold(self) -> None:
        """Keep other processes from the file; the system lets go when this one dies, however it dies."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RecordFileError(
                f"another process writes to {self._path}: give each agent a folder or a name of its own"
            ) from None

    def _in_place(self) -> bool:
        """Whether the file that is open is the one that others find."""
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._file))
        except FileNotFoundError:
            return False

    def _cut_what_is_not_sure(self) -> None:
        """Cut off what a write left that failed: it may be in memory only (fsync(2))."""
        found = os.fstat(self._file)
        if self._sure is not None and self._sure[0] == found.st_ino and self._sure[1] < found.st_size:
            os.ftruncate(self._file, self._sure[1])

    def _read_tail(self) -> int | None:
        """Cut off a line that has no end; the number of the last one that is left, None without any."""
        size = os.fstat(self._file).st_size
        tail = os.pread(self._file, _TAIL, max(0, size - _TAIL))
        whole = tail.rfind(b"\n") + 1
        if not whole and size >= _TAIL:
            raise RecordFileError(f"{self._path} is no record file: move it away, another is made")
        if whole < len(tail):
            os.ftruncate(self._file, size - len(tail) + whole)
        lines = tail[:whole].split(b"\n")
        numbers = (_number(line) for line in reversed(lines))
        return next((number for number in numbers if number is not None), None)

    def _remember(self, written: float) -> None:
        found = os.fstat(self._file)
        self._size = found.st_size
        self._sure = found.st_ino, found.st_size
        self._day = today(written) if found.st_size else None

    def _begin_anew(self) -> None:
        """Give the file the name of one that is done, and begin another."""
        if self._day is not None and self._in_place():
            self._path.rename(self._free_name(self._day))
        self.close()
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _FILE_MODE)
        self._hold()
        _sync_folder(self._settings.folder)
        self._remember(self._clock())

    def _free_name(self, day: date) -> Path:
        """Of a restored storage numbers may come again: no file is written over."""
        last = self._last
        while True:
            path = done(self._settings.folder, self._node, day, last)
            if not path.exists() and not path.with_name(path.name + GZIP).exists():
                return path
            day += timedelta(days=1)

    def _compress(self, file: DoneFile) -> None:
        """Compress a file that is done; all of it stands under the one name or the other at any time."""
        whole = file.path.with_name(file.path.name + GZIP)
        part = whole.with_name(whole.name + PART)
        if not whole.exists():
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _FILE_MODE)
            try:
                with file.path.open("rb") as plain, os.fdopen(descriptor, "wb") as out:
                    with gzip.GzipFile("", "wb", fileobj=out, mtime=0) as packed:
                        shutil.copyfileobj(plain, packed, _CHUNK)
                    out.flush()
                    os.fsync(out.fileno())
            except OSError:
                with suppress(OSError):
                    part.unlink()
                raise
            part.rename(whole)
            _sync_folder(whole.parent)
        file.path.unlink()


def _stands(lasts: Sequence[int], noted: int, given: int) -> int:
    """Up to which number the files go that are done, by the last numbers in them, of the oldest day first.

    One of the newest day that is behind what was noted shows that the clock was set back: then it is not the
    one that was written to last. Numbers beyond those given are of a storage from before a backup.
    """
    newest = lasts[-1] if lasts else 0
    return (
        newest if newest >= noted else max((last for last in lasts if noted <= last <= given), default=newest)
    )


def _number(line: bytes) -> int | None:
    """The number of a call in a line; None for a line that is none of ours."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    number = found.get("sequence") if isinstance(found, dict) else None
    return number if isinstance(number, int) else None


def _sync_folder(folder: Path) -> None:
    """Make the names of its files durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
