# SPDX-License-Identifier: GPL-3.0-or-later
"""FILE of ``capture --out``: it grows as the capture does, packet by packet, and is readable at any time."""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

from agent.core.errors import AgentError

_FILE_HEADER: Final = 24  # bytes, as `agent.telemetry.pcap` writes them
_RECORD: Final = struct.Struct("<8xI4x")
_LONGEST: Final = 262_144
# What it holds is for few eyes. Without O_TRUNC: a file that was there is emptied once a capture has begun.
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
_MODE: Final = 0o600


class CaptureCopyError(AgentError):
    """FILE can't be written; one line says why."""


class CaptureCopy:
    """A file that whole packets are appended to.

    Args:
        path: of the file; it is made, or opened to be overwritten, at once.

    Attributes:
        taken: bytes of the capture that came so far, with those of a packet that is not whole.
        whole: bytes that are in the file.
        packets: packets that are in the file.

    Raises:
        CaptureCopyError: it can't be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.taken = 0
        self.whole = 0
        self.packets = 0
        self._begun = False
        self._rest = b""
        self._was_there = path.exists()
        try:
            self._descriptor = os.open(path, _FLAGS, _MODE)
        except OSError as error:
            raise self._fault(error) from None

    def append(self, data: bytes) -> None:
        """Write the packets that are whole now.

        Raises:
            CaptureCopyError: they don't fit; what was written before is still readable.
        """
        waiting = self._rest + data
        self.taken += len(data)
        end, packets = self._ends(waiting)
        self._rest = waiting[end:]
        try:
            if not self._begun:
                self._begun = True
                with suppress(OSError):  # a pipe
                    os.ftruncate(self._descriptor, 0)
            rest = memoryview(waiting)[:end]
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self.whole)
            raise self._fault(error) from None
        self.whole += end
        self.packets += packets

    def close(self) -> None:
        """Nothing more comes; a file that was made for nothing goes."""
        os.close(self._descriptor)
        if not self._begun and not self._was_there:
            with suppress(OSError):
                self.path.unlink()

    def _ends(self, waiting: bytes) -> tuple[int, int]:
        """Where the last whole packet ends, and how many there are."""
        at = 0
        if not self.whole:
            if len(waiting) < _FILE_HEADER:
                return 0, 0
            at = _FILE_HEADER
        packets = 0
        while at + _RECORD.size <= len(waiting):
            (kept,) = _RECORD.unpack_from(waiting, at)
            if kept > _LONGEST:
                raise CaptureCopyError(f"{self.path}: what the agent sent is no capture")
            if at + _RECORD.size + kept > len(waiting):
                break
            at += _RECORD.size + kept
            packets += 1
        return at, packets

    def _fault(self, error: OSError) -> CaptureCopyError:
        return CaptureCopyError(f"{self.path} can't be written: {error.strerror or error}")
