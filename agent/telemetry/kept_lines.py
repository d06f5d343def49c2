# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON objects, a line each, in a bounded file of the node that outlives the process.

Written by a thread, one batch after the other, so that a slow disk holds nobody up; durably, all of a batch
or none of it. A full file takes the place of the one before it.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from agent.telemetry.logs import logger

LARGEST_FILE: Final = 1 << 20
"""Bytes; with the one before it there are twice as many."""

_log = logger("kept")


class KeptLines:
    """One file. Used on the loop thread.

    Args:
        path: of the file.
        waiting: lines that wait at most while it can't be written; of more the oldest are lost.
        what: they are, for the log.

    Attributes:
        fault: why the newest could not be written; None when they were.
        writing: the writing under way; None when all that can be written is.
    """

    def __init__(self, path: Path, waiting: int, what: str) -> None:
        self.path = path
        self.fault: str | None = None
        self.writing: asyncio.Task[None] | None = None
        self._most = waiting
        self._what = what
        self._waiting: deque[bytes] = deque(maxlen=waiting)

    def read(self, most: int = LARGEST_FILE) -> Iterator[dict[str, Any]]:
        """The objects of the file and the one before it, oldest first; what is none is passed over.

        Args:
            most: bytes of the end of each that are read.
        """
        for file in (_before(self.path), self.path):
            for line in _tail(file, most).splitlines():
                with suppress(ValueError, RecursionError):
                    found = json.loads(line)
                    if isinstance(found, dict):
                        yield found

    def put(self, line: Mapping[str, Any]) -> None:
        """Write one more, as soon as the disk takes it."""
        self._waiting.append(json.dumps(line, ensure_ascii=False).encode(errors="replace") + b"\n")
        self._begin()

    async def aclose(self) -> None:
        """Wait until all is written, as far as the disk lets us."""
        if self.writing is not None:
            await self.writing
        if self._waiting:
            await self._begin()

    def _begin(self) -> asyncio.Task[None]:
        if self.writing is None:
            self.writing = asyncio.get_running_loop().create_task(self._write())
        return self.writing

    async def _write(self) -> None:
        try:
            while self._waiting:
                lines = list(self._batch())
                fault = await asyncio.to_thread(_append, self.path, b"".join(lines))
                if fault is not None and fault != self.fault:
                    _log.error(
                        f"{self._what} can't be written to their file", file=str(self.path), error=fault
                    )
                self.fault = fault
                if fault is not None:  # they are written with the next one, the newest if there are too many
                    self._waiting = deque((*lines, *self._waiting), self._most)
                    return
        finally:
            self.writing = None

    def _batch(self) -> Iterator[bytes]:
        """Take what fits into one file."""
        room = LARGEST_FILE
        while self._waiting and (room == LARGEST_FILE or len(self._waiting[0]) <= room):
            line = self._waiting.popleft()
            room -= len(line)
            yield line


def _append(path: Path, lines: bytes) -> str | None:
    """Write lines to the file, durably, all or none of them; gives why that failed."""
    try:
        if path.exists() and path.stat().st_size + len(lines) > LARGEST_FILE:
            path.replace(_before(path))
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            _append_all(file.fileno(), lines)
    except OSError as error:
        return error.strerror or str(error)
    return None


def _append_all(descriptor: int, lines: bytes) -> None:
    """The same; a line that a dead process left without its end does not swallow the next one."""
    size = os.fstat(descriptor).st_size
    cut = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
    rest = memoryview(b"\n" + lines if cut else lines)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def _before(path: Path) -> Path:
    return path.with_name(path.name + ".1")


def _tail(path: Path, most: int) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - most))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
