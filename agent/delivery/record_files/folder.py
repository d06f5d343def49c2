# SPDX-License-Identifier: GPL-3.0-or-later
"""The record files of a node on disk: appended to durably, begun anew by size and day, compressed, deleted.

All of it blocks. After an error whoever uses it closes it and opens it again, which finds out what stands:
the tail of the file is the truth, and a line that was cut is cut off. So a process may be killed between any
two of its steps.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from agent.core.model.record_files import RecordFiles
from agent.delivery.record_files.lines import NONE, Line, RecordFileError, last_of, lines_in
from agent.delivery.record_files.names import GZIP, PART, DoneFile, active, done, done_files, today
from agent.delivery.record_files.packing import FILE_MODE, compress, sync_folder

_TAIL: Final = 1 << 20
"""The last line lies in the last so many bytes: one has some kilobytes."""
_FOLDER_MODE: Final = 0o750
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class FileTakenError(RecordFileError):
    """Somebody moved or deleted the file: nothing is wrong with the next one."""


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

    def open(self, noted: int) -> Line:
        """Open the file, make it if need be, and find out where the files stand.

        Args:
            noted: up to which number calls are in files, as the storage has it.

        Returns:
            The line with the highest number in any file; its call is told where the number is above `noted`.

        Raises:
            OSError: the file can't be used.
            RecordFileError: the same; another process writes to it, or it is no file of ours.
        """
        folder = self._settings.folder
        with suppress(FileExistsError):
            folder.mkdir(_FOLDER_MODE)
        self._open()
        written = os.fstat(self._file).st_mtime  # before it is cut
        self._cut_what_is_not_sure()
        tail = self._read_tail() or NONE
        os.fsync(self._file)
        sync_folder(folder)
        self._remember(written)
        self._last = tail.number
        newest = max(self._done_files(), key=lambda file: file.last, default=None)
        if newest is None or newest.last <= tail.number:
            return tail
        return Line(newest.last, _call_of(newest) if newest.last > noted else "")

    def calls(self, above: int, most: int) -> set[str]:
        """The calls with numbers above this one up to that one, in any file.

        Raises:
            RecordFileError: a file can't be read.
        """
        found, last = set[str](), 0
        files = sorted(self._done_files(), key=lambda file: file.last)
        paths = []
        for file in files:
            if file.last > above and last <= most:
                paths.append(file.path)
            last = file.last
        for path in (*paths, self._path):
            found |= {line.call_id for line in lines_in(path) if above < line.number <= most}
        return found

    def look(self) -> None:
        """See whether others find the file that is open here.

        Raises:
            FileTakenError: they don't.
        """
        if not self._in_place():
            raise FileTakenError(f"somebody took {self._path} away: another is made")

    def append(self, lines: bytes, last: int) -> None:
        """Write whole lines; they are on disk when it returns.

        Args:
            lines: each with its end.
            last: the number of the last one.

        Raises:
            OSError: nobody knows what of them stands.
            FileTakenError: the file was moved or deleted meanwhile.
        """
        now = today(self._clock())
        if self._day is not None and self._settings.rotate.daily and self._day != now:
            self._begin_anew()
        self.look()
        rest = memoryview(lines)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        os.fsync(self._file)
        found = os.fstat(self._file)
        if found.st_nlink == 0:
            self._sure = None
            raise FileTakenError(f"somebody deleted {self._path} just now: another is made")
        self._size, self._last, self._day = found.st_size, last, now
        self._sure = found.st_ino, found.st_size
        if self._size >= self._settings.rotate.size:
            self._begin_anew()

    def tend(self) -> None:
        """Begin a new file when the day is over, compress those that are done, delete what is too old.

        Raises:
            OSError: the disk refuses one of them; it is tried again the next time.
        """
        now = today(self._clock())
        if self._day is not None and self._settings.rotate.daily and self._day != now:
            self._begin_anew()
        folder = self._settings.folder
        for part in folder.glob(f"{self._node}-*{GZIP}{PART}"):
            part.unlink()  # of a process that died over it
        files = self._done_files()
        keep = self._settings.keep
        if keep is not None:
            for file in files:
                if file.day < now - timedelta(seconds=keep):
                    file.path.unlink()
        if self._settings.compress == "gzip":
            self._compress([file for file in files if not file.compressed and file.path.exists()])

    def close(self) -> None:
        """Let go of the file; what is in it stays."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    # -- below -------------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Open the file, and make sure that it is one and nobody else's.

        Raises:
            OSError: it can't be opened.
            RecordFileError: it is none, or another process writes to it.
        """
        try:
            self._file = os.open(self._path, _FLAGS, FILE_MODE)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.EISDIR):
                raise
            raise self._no_file() from None
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            raise self._no_file()
        self._hold()

    def _no_file(self) -> RecordFileError:
        return RecordFileError(
            f"{self._path} is a link, a folder or a device: move it away, a plain file is made in its place"
        )

    def _done_files(self) -> list[DoneFile]:
        return done_files(self._settings.folder.iterdir(), self._node)

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

    def _read_tail(self) -> Line | None:
        """Cut off a line that has no end; the last one of ours that is left, None without any."""
        size = os.fstat(self._file).st_size
        tail = os.pread(self._file, _TAIL, max(0, size - _TAIL))
        whole = tail.rfind(b"\n") + 1
        if not whole and size >= _TAIL:
            raise RecordFileError(f"{self._path} is no record file: move it away, another is made")
        if whole < len(tail):
            os.ftruncate(self._file, size - len(tail) + whole)
        return last_of(tail[:whole])

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
        self._open()
        sync_folder(self._settings.folder)
        self._remember(self._clock())

    def _free_name(self, day: date) -> Path:
        """Of a restored storage numbers may come again: no file is written over."""
        last = self._last
        while True:
            path = done(self._settings.folder, self._node, day, last)
            if not path.exists() and not path.with_name(path.name + GZIP).exists():
                return path
            day += timedelta(days=1)

    def _compress(self, files: list[DoneFile]) -> None:
        """Compress files; one that can't be holds up no other."""
        refused: OSError | None = None
        for file in files:
            try:
                compress(file)
            except OSError as error:
                refused = error
        if refused is not None:
            raise refused


def _call_of(file: DoneFile) -> str:
    """Which call the number in its name is; empty where its last line does not tell."""
    last = NONE
    with suppress(RecordFileError):
        for line in lines_in(file.path):
            last = line
    return last.call_id if last.number == file.last else ""
