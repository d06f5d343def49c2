# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows the storage: what calls are over and in no file yet, in small batches, off the way of calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from agent.core.errors import AgentError, StorageError
from agent.core.model.record_files import RecordFiles
from agent.core.record_form import as_line
from agent.delivery.finished import Filed
from agent.delivery.record_files.folder import FileTakenError, RecordFolder
from agent.delivery.record_files.lines import Line
from agent.delivery.record_files.thread import Thread
from agent.delivery.store import Records
from agent.telemetry import logs

LOOK_SECONDS: Final = 1.0
AT_ONCE: Final = 25
"""Calls in a batch: few enough that the loop is held for less than a millisecond or two."""
TEND_SECONDS: Final = 60.0
LONGEST_PAUSE: Final = 30.0
"""Between two tries while the disk or the storage is faulty; it doubles from a second to this."""

SLOW_SECONDS: Final = 10.0
"""A disk that takes longer is a fault, though what it was asked for may come to a good end."""

_Result = TypeVar("_Result")
_log = logs.logger("records")


class Told(Protocol):
    """Who hears of it; `agent.telemetry.metrics.Metrics` is one."""

    def records_filed(self, count: int) -> None:
        """So many calls are in a file by now."""

    def record_files_faulty(self, *, faulty: bool) -> None:
        """Whether lines can't be written, or read from the storage, just now."""


@dataclass
class _Trouble:
    text: str = ""
    pause: float = field(default_factory=lambda: LOOK_SECONDS)


class RecordWriter:
    """Writes, from the time it is made until `aclose`.

    Args:
        store: what to follow.
        settings: where to write.
        node: whose calls.
        told: hears of what was written and of faults.
        took: told of an error of ours: it counts it and logs it.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        store: Records,
        settings: RecordFiles,
        node: str,
        told: Told,
        took: Callable[[str, Exception], None],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._folder = RecordFolder(settings, node, clock)
        self._told = told
        self._took = took
        self._thread = Thread("records")
        self._position: int | None = None  # None while the file is not open
        self._written = 0  # by this process, whatever the storage could be told
        self._tended = -TEND_SECONDS
        self._trouble = _Trouble()
        self._closing = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def aclose(self) -> None:
        """Write what is left, then end. Where the disk fails it is left to the next start."""
        self._closing.set()
        try:
            await asyncio.shield(self._task)
        except asyncio.CancelledError:
            self._task.cancel()
            raise
        finally:
            self._thread.close(self._folder.close)

    async def _run(self) -> None:
        while True:
            closing = self._closing.is_set()  # what is over by now is written yet
            pause = await self._look()
            if closing:
                break
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), pause)

    async def _look(self) -> float:
        """Write all there is. Returns the seconds until the next look."""
        try:
            try:
                await self._follow()
            except FileTakenError as taken:  # whoever ships files may do that: another one, at once
                _log.warning("a record file was taken away", why=str(taken))
                await self._let_go()
                await self._follow()
        except (OSError, AgentError) as error:
            return await self._failed(error)
        except Exception as error:  # noqa: BLE001 - a record that nobody writes is missed by nobody in time
            self._took("records", error)
            return await self._failed(error)
        if self._trouble.text:
            _log.info("records of calls are written to files again")
            self._told.record_files_faulty(faulty=False)
            self._trouble = _Trouble()
        await self._tend()
        return LOOK_SECONDS

    async def _let_go(self) -> None:
        """Close the file: where it stands is found out anew before anything more is written."""
        self._position = None
        await self._disk(self._folder.close)

    async def _disk(self, work: Callable[[], _Result]) -> _Result:
        """What `work` gives, which blocks; that it takes long is told while it does."""
        slow = f"the disk has not answered for {SLOW_SECONDS:g} s"
        told = asyncio.get_running_loop().call_later(SLOW_SECONDS, self._tell, slow)
        try:
            return await self._thread.do(work)
        finally:
            told.cancel()

    def _tell(self, why: str) -> None:
        """Tell of a fault; the log says each cause once."""
        if why != self._trouble.text:
            _log.error(
                "records of calls can't be written to files: they wait in the storage, and calls go on",
                error=why,
            )
            self._trouble.text = why
        self._told.record_files_faulty(faulty=True)

    async def _failed(self, error: Exception) -> float:
        await self._let_go()
        self._tell(_said(error))
        pause = self._trouble.pause
        self._trouble.pause = min(2 * pause, LONGEST_PAUSE)
        return pause

    async def _follow(self) -> None:
        """Write what is over and in no file yet; the files say where that begins."""
        if self._position is None:
            self._position = await self._open()
            await self._note(self._position)
        else:
            await self._disk(self._folder.look)
        position = self._position
        while batch := await self._store.finished(position, AT_ONCE):
            last = batch[-1].number or position
            lines = "".join(map(as_line, batch)).encode("ascii")
            await self._disk(_Append(self._folder, lines, last))
            position = self._position = self._written = last
            self._told.records_filed(len(batch))
            await self._note(position)
            if len(batch) < AT_ONCE:
                break
            await asyncio.sleep(0)

    async def _open(self) -> int:
        """Open the file; up to which number calls are in files."""
        known = await self._store.filed()
        noted = max(known.position or 0, self._written)
        newest = await self._disk(lambda: self._folder.open(noted))
        if newest.number <= noted:
            return noted
        if not await self._knows(newest, known):
            await self._number_anew(noted, known.given, newest.number)
        return newest.number

    async def _knows(self, line: Line, known: Filed) -> bool:
        """Whether a line is of a call in the storage, under this number."""
        if not line.call_id:
            return line.number <= known.given
        found = await self._store.finished(line.number - 1, 1)
        return any(one.number == line.number and one.call.call_id == line.call_id for one in found)

    async def _number_anew(self, noted: int, given: int, newest: int) -> None:
        """Go on behind the files, which have calls that the storage does not know: no line is left out.

        It was restored from a backup, or the files are another agent's. Of what it knows itself, some may be
        in the files: the time from the backup's last note to the backup.
        """
        filed = await self._disk(lambda: self._folder.calls(noted, given))
        await self._store.number_anew(noted, filed, newest)
        _log.warning(
            "record files have calls that the storage does not know: it was restored from a backup, or they "
            "are another agent's; numbers go on behind theirs",
            known=given,
            in_files=newest,
        )

    async def _note(self, position: int) -> None:
        """Tell the storage, for whoever forgets old calls; the file itself is what counts."""
        with suppress(StorageError):
            await self._store.note_filed(position)

    async def _tend(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._tended >= TEND_SECONDS:
            self._tended = now
            try:
                await self._thread.do(self._folder.tend)
            except (OSError, AgentError) as error:
                _log.warning("a record file can't be compressed or deleted", error=_said(error))
            except Exception as error:  # noqa: BLE001 - lines are written all the same
                self._took("records", error)


@dataclass(frozen=True, slots=True)
class _Append:
    folder: RecordFolder
    lines: bytes
    last: int

    def __call__(self) -> None:
        self.folder.append(self.lines, self.last)


def _said(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__
