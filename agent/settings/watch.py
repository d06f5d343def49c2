# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the files of a configuration were edited, found out by looking at them now and then.

A look may meet anything: a folder that is swapped away while it is walked through (a ConfigMap, a checkout),
a process without a free descriptor, a network disk that does not answer. None of it is an edit, and none of
it reaches whoever looks.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

Stamp: TypeAlias = tuple[tuple[str, int, int], ...]
"""Of each file its path, time of change (ns) and size."""

MOST_FILES = 20_000
"""A folder that holds more is no configuration, and only so many of its files are looked at."""
_DEEPEST = 6
_LONGEST = 10.0
_CLOSED = (FileNotFoundError, NotADirectoryError, PermissionError)


def stamp(folder: Path, beside: Iterable[Path] = ()) -> Stamp:
    """What the files in ``folder`` look like; hidden ones (an editor's, a repository's) are passed over.

    So do those `beside` it, wherever they lie: certificates, for instance.

    What vanishes meanwhile is not there; a folder that is not there, or may not be read, has no files.

    Raises:
        OSError: it can't be told at present (no descriptor is free, a faulty disk).
    """
    found: list[tuple[str, int, int]] = []
    for path, seen in _files(str(folder), 0):
        found.append((path, seen.st_mtime_ns, seen.st_size))
        if len(found) == MOST_FILES:
            break
    for file in beside:
        with suppress(OSError):
            seen = file.stat()
            found.append((str(file), seen.st_mtime_ns, seen.st_size))
    return tuple(sorted(found))


def _files(folder: str, depth: int) -> Iterator[tuple[str, os.stat_result]]:
    try:
        with os.scandir(folder) as found:
            entries = [entry for entry in found if not entry.name.startswith(".")]
    except _CLOSED:
        return
    for entry in entries:
        try:
            is_folder, seen = entry.is_dir(), entry.stat()
        except OSError:  # it vanished, is a link to nowhere or to itself
            continue
        if not is_folder:
            yield entry.path, seen
        elif depth < _DEEPEST:
            yield from _files(entry.path, depth + 1)


class Watch:
    """Looks at a folder; each look is one walk on a thread of its own, which holds up nobody when it hangs.

    Args:
        folder: holds the configuration that was read just now.
        beside: gives the files elsewhere that it names.

    Attributes:
        fault: why the last look failed; None when it did not.
    """

    def __init__(self, folder: Path, beside: Callable[[], Iterable[Path]] = tuple) -> None:
        self.fault: str | None = None
        self._folder = folder
        self._beside = beside
        self._read: Stamp = ()
        self._edit: Stamp | None = None
        self._under_way: asyncio.Future[Stamp] | None = None
        self._hangs = False
        with suppress(OSError):  # then nothing is known, and the files are read once too often
            self._read = stamp(folder, beside())

    async def mark_read(self) -> None:
        """The files are read from now on: only what changes after this is an edit."""
        now = await self._look()
        if now is not None:
            self._read, self._edit = now, None

    async def edited(self) -> bool:
        """Whether a file differs from what was read, and has been left alone since the look before.

        An editor writes a file in several steps; waiting for two equal looks keeps half an edit out.
        """
        now = await self._look()
        if now is None:
            return False
        settled = now == self._edit
        self._edit = None if now == self._read else now
        return settled and self._edit is not None

    async def _look(self) -> Stamp | None:
        try:
            async with asyncio.timeout(_LONGEST):
                now = await self._on_a_thread()
        except OSError as error:  # a TimeoutError is one
            self._hangs = self._under_way is not None
            self.fault = error.strerror or f"it does not answer within {_LONGEST:.0f} s"
            return None
        self.fault = None
        return now

    async def _on_a_thread(self) -> Stamp:
        """A stamp taken on a daemon thread: unlike those of an executor it is not waited for at the end.

        Who asks while one is being taken, for a reload beside the look of every second, gets the same.
        """
        if self._hangs:  # the last one does still, as one more would
            raise TimeoutError
        if self._under_way is None:
            self._under_way = self._begin()
        return await asyncio.shield(self._under_way)

    def _begin(self) -> asyncio.Future[Stamp]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Stamp] = loop.create_future()
        done.add_done_callback(lambda _: done.cancelled() or done.exception())  # those who asked may be gone

        def tell(result: Stamp | OSError) -> None:
            self._under_way, self._hangs = None, False
            if done.done():
                return
            if isinstance(result, OSError):
                done.set_exception(result)
            else:
                done.set_result(result)

        beside = tuple(self._beside())

        def look() -> None:
            result: Stamp | OSError
            try:
                result = stamp(self._folder, beside)
            except OSError as error:
                result = error
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(tell, result)

        threading.Thread(target=look, name="configuration", daemon=True).start()
        return done
