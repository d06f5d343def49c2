# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes log lines from a thread of its own: whoever reads them too slowly loses lines, and stops nothing.

A pipe holds some lines and then blocks its writer. The loop must never be that writer: it puts text into a
bounded queue, and the thread does nothing but write bytes.
"""

from __future__ import annotations

import os
import queue
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from agent.telemetry.log_file import LogFile

CAPACITY: Final = 10_000
"""Lines that may wait."""
CAPACITY_BYTES: Final = 8 * 1024 * 1024
"""Characters of lines that may wait."""
LAST_SECONDS: Final = 1.0
"""How long what waits may take to be written when the process ends."""
PACE_SECONDS: Final = 0.02
"""How long what comes after a write may wait for company: each time the thread wakes up, it takes the
interpreter from the loop, and a call writes some lines."""
_AT_ONCE: Final = 64 * 1024
_PIPE_BUF: Final = 4096  # so much goes into a pipe that poll calls writable, without waiting (POSIX)
_AGAIN_MILLISECONDS: Final = 1000
_NEW_LINE: Final = ord("\n")


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """An order among the lines: what comes after it goes to this file; None: to the descriptor again."""

    file: LogFile | None


_Item: TypeAlias = str | _Elsewhere | None  # None: the end


def _unheard(_: str) -> None:
    return


class Outlet:
    """Writes to a descriptor or a file, from the time it is made until `close`.

    Args:
        descriptor: where to, unless `lead_to` says otherwise; it stays open.
        flowing_again: called in the writer's thread with how many lines were dropped, once lines get through
            again.
        astray: called in the writer's thread with why the file can't be opened; until it can, lines go to the
            descriptor.
    """

    def __init__(
        self,
        descriptor: int,
        flowing_again: Callable[[int], None],
        astray: Callable[[str], None] = _unheard,
    ) -> None:
        self._refused = 0  # lines, counted by those who put
        self._unwritten = 0  # the same, counted by the thread
        self._descriptor = descriptor
        self._flowing_again = flowing_again
        self._tell_astray = astray
        self._file: LogFile | None = None
        self._astray = False
        self._place = descriptor  # where the last write went
        self._cut = False  # the last line that was begun there has no end
        self._told = 0
        self._taken = 0  # characters, counted by those who put
        self._gone = 0  # the same, counted by the thread: no lock is needed between the two
        self._lines: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Lines that were lost since the start: they came too fast, or could not be written."""
        return self._refused + self._unwritten

    def put(self, text: str) -> None:
        """Have whole lines written; never waits, but in the writer's own thread."""
        if threading.get_ident() == self._thread.ident:
            self._write(text.encode(errors="replace"))
            return
        if self._lines.qsize() >= CAPACITY or self._taken - self._gone > CAPACITY_BYTES:
            self._refused += 1
            return
        self._taken += len(text)
        self._lines.put(text)

    def lead_to(self, file: LogFile | None) -> None:
        """Lines that are put from now on go to a file; None: to the descriptor again. Never waits."""
        self._lines.put(_Elsewhere(file))

    def close(self, seconds: float = LAST_SECONDS) -> bool:
        """Write what waits, as far as it goes in so many seconds; whether all of it was written."""
        self._lines.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    # From here on: the writer's thread.

    def _run(self) -> None:
        while True:
            text, order = self._waiting()
            written = self._write(text.encode(errors="replace")) if text else False
            self._gone += len(text)
            if isinstance(order, _Elsewhere):
                self._turn_to(order.file)
            elif order is None:
                return
            lost = self.dropped - self._told
            if (
                written and lost and self._lines.qsize() <= CAPACITY // 2
            ):  # it flows: not a line for each that is lost
                self._told += lost
                self._flowing_again(lost)
            if self._lines.empty():
                time.sleep(PACE_SECONDS)

    def _waiting(self) -> tuple[str, _Item]:
        """Lines that wait, some of them at least unless an order comes first; and that order, else a text."""
        parts: list[str] = []
        size = 0
        item: _Item = ""
        while size < _AT_ONCE and not (parts and self._lines.empty()):
            item = self._lines.get()
            if not isinstance(item, str):
                break
            parts.append(item)
            size += len(item)
        return "".join(parts), item

    def _turn_to(self, file: LogFile | None) -> None:
        if self._file is not None:
            self._file.close()
        self._file, self._astray = file, False

    def _where(self) -> int:
        """Where the next line goes: a file that was moved away is opened anew."""
        file, place = self._file, None
        if file is not None:
            place = file.descriptor()
            if place is None and not self._astray:
                self._astray = True
                self._tell_astray(file.fault or "")
            elif place is not None:
                self._astray = False
                self._cut = self._cut and not file.emptied()
        place = self._descriptor if place is None else place
        if place != self._place:
            self._place, self._cut = place, False
        return place

    def _write(self, data: bytes) -> bool:
        """All of it, however long that takes; a reader that has gone costs the lines, not the process.

        A line that a full disk cut short is ended first: what comes next must be a line of its own.

        Returns:
            Whether all was written; what was not is counted.
        """
        place, ended = self._where(), self._cut
        rest = memoryview(b"\n" + data if ended else data)
        while rest:
            try:
                written = os.write(place, rest)
                self._cut = rest[written - 1] != _NEW_LINE
                rest, ended = rest[written:], False
            except BlockingIOError:  # somebody made it so: another process has it too
                poll = select.poll()
                poll.register(place, select.POLLOUT)
                poll.poll(_AGAIN_MILLISECONDS)
            except OSError:  # the reader has gone, the disk is full
                self._unwritten += max(rest.tobytes().count(b"\n") - ended, 1)
                return False
        return True


def write_if_possible(descriptor: int, text: str, seconds: float) -> None:
    """Write some lines as far as the descriptor takes them within so many seconds; the rest is lost."""
    until = time.monotonic() + seconds
    data = text.encode(errors="replace")
    with suppress(OSError):
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        while data and (left := until - time.monotonic()) > 0:
            if poll.poll(left * 1000):
                data = data[os.write(descriptor, data[:_PIPE_BUF]) :]
