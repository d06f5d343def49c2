# SPDX-License-Identifier: GPL-3.0-or-later
"""A file of a capture, written by a thread of its own: a disk that is full ends the file, and no call.

The thread does nothing but write bytes. What ends the file leaves it readable: it is cut after the last
packet that is whole.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

WAITING_BYTES: Final = 4 * 1024 * 1024
"""How much may wait for the disk; packets beyond it are dropped, and counted by who puts."""
SUFFIX: Final = ".pcap"
_PACE_SECONDS: Final = 0.05  # each time the thread wakes up it takes the interpreter from the loop
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700


class CaptureFile:
    """Written from the time it is made until `close`.

    Args:
        path: of the file; it must not be there.
        total: bytes that all captures in its folder may take, this one included.
        most: bytes that this one may come to.
        begun: called in the thread once the file is open, with what is wrong, if anything is.
    """

    def __init__(self, path: Path, *, total: int, most: int, begun: Callable[[str | None], None]) -> None:
        self.fault: str | None = None
        self._path = path
        self._room = (total, most)
        self._begun = begun
        self._put = 0  # bytes, counted by who puts
        self._gone = 0  # the same, counted by the thread
        self._packets: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def put(self, packets: bytes) -> bool:
        """Have whole packets written; never waits. False when too much waits, or the file has ended."""
        if self.fault is not None or self._put - self._gone > WAITING_BYTES:
            return False
        self._put += len(packets)
        self._packets.put(packets)
        return True

    def close(self) -> None:
        """Write what waits, and no more; returns at once."""
        self._packets.put(None)

    @property
    def whole(self) -> int:
        """Bytes of whole packets that are in the file by now."""
        return self._gone

    @property
    def done(self) -> bool:
        """Whether the thread has ended: nothing more is written."""
        return not self._thread.is_alive()

    # From here on: the thread.

    def _run(self) -> None:
        try:
            self._refuse_what_is_too_much()
            descriptor = os.open(self._path, _FLAGS, _MODE)
        except OSError as error:
            self.fault = f"{error.filename or self._path}: {error.strerror or error}"
            self._begun(self.fault)
            return
        self._begun(None)
        try:
            self._write_on(descriptor)
        finally:
            with suppress(OSError):
                os.close(descriptor)

    def _refuse_what_is_too_much(self) -> None:
        folder = self._path.parent
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        total, most = self._room
        there = sum(entry.stat().st_size for entry in os.scandir(folder) if entry.name.endswith(SUFFIX))
        if there + most > total:
            raise OSError(
                0,
                f"{there} bytes of captures are there, and {most} more may come, where capture.total allows "
                f"{total}: delete some, or ask for a smaller one",
                str(folder),
            )

    def _write_on(self, descriptor: int) -> None:
        whole = 0
        while True:
            packets, over = self._waiting()
            try:
                rest = memoryview(packets)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            except OSError as error:
                with suppress(OSError):
                    os.ftruncate(descriptor, whole)
                self.fault = f"{self._path}: {error.strerror or error}"
                return
            whole += len(packets)
            self._gone += len(packets)
            if over:
                return
            if self._packets.empty():
                time.sleep(_PACE_SECONDS)

    def _waiting(self) -> tuple[bytes, bool]:
        """Packets that wait, some at least unless it is over; and whether it is."""
        parts: list[bytes] = []
        while not (parts and self._packets.empty()):
            part = self._packets.get()
            if part is None:
                return b"".join(parts), True
            parts.append(part)
        return b"".join(parts), False
