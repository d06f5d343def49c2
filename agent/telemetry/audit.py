# SPDX-License-Identifier: GPL-3.0-or-later
"""Who changed what, from where and why: a line in the log, and a bounded file that outlives a restart.

Not in the database: what an operator does while that is faulty must be kept, too, and a file of a node's own
needs no step of the schema. Written by a thread, one after the other, so that a slow disk holds nobody up.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from agent.telemetry.logs import logger

KEPT: Final = 500
"""Deeds in memory, the newest."""
LARGEST_FILE: Final = 1 << 20
"""Bytes; a full file takes the place of the one before it."""
_LONGEST: Final = 500
_READ: Final = 512 * KEPT  # bytes of the file's end; a line is shorter as a rule

_log = logger("audit")


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that somebody did, or was not let do.

    Attributes:
        when: seconds since the epoch.
        who: their name.
        origin: from where: an address, ``SIGHUP``, ``file``.
        action: ``hang_up``, ``reload``, ``drain``, ``end_drain``, ``retry``, ``discard`` and so on.
        about: the call, signal or project that it was done to; empty for the node.
        why: what they said; empty when they said nothing.
        outcome: what became of it, in a few words.
    """

    when: float
    who: str
    origin: str
    action: str
    about: str = ""
    why: str = ""
    outcome: str = ""


class Audit:
    """Keeps deeds. Used on the loop thread.

    Args:
        path: the file, whose end is read now; None keeps them in the log and in memory alone.
        clock: seconds since the epoch.

    Attributes:
        path: the same.
        fault: why the newest could not be written; None when it was.
    """

    def __init__(self, path: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self.fault: str | None = None
        self._clock = clock
        self._deeds: deque[Deed] = deque(_read(path) if path is not None else (), KEPT)
        self._waiting: deque[str] = deque(maxlen=KEPT)
        self._writing: asyncio.Task[None] | None = None

    def newest(self, most: int = KEPT) -> Sequence[Deed]:
        """The newest deeds, newest first."""
        return list(self._deeds)[: -most - 1 : -1]

    def record(
        self, action: str, *, who: str, origin: str, about: str = "", why: str = "", outcome: str = ""
    ) -> None:
        """Keep what was done; see `Deed`."""
        deed = Deed(self._clock(), *(_line(text) for text in (who, origin, action, about, why, outcome)))
        told = {name: value for name, value in asdict(deed).items() if value and name != "when"}
        _log.warning("operator", **told)  # log.level must not hide it
        self._deeds.append(deed)
        if self.path is None:
            return
        self._waiting.append(json.dumps(asdict(deed), ensure_ascii=False) + "\n")
        self._begin(self.path)

    async def aclose(self) -> None:
        """Wait until all is written, as far as the disk lets us."""
        if self._writing is not None:
            await self._writing
        if self._waiting and self.path is not None:
            await self._begin(self.path)

    def _begin(self, path: Path) -> asyncio.Task[None]:
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write(path))
        return self._writing

    async def _write(self, path: Path) -> None:
        try:
            while self._waiting:
                lines = list(self._waiting)
                self._waiting.clear()
                fault = await asyncio.to_thread(_append, path, "".join(lines).encode())
                if fault is not None and fault != self.fault:
                    _log.error(
                        "deeds of operators can't be written to their file", file=str(path), error=fault
                    )
                self.fault = fault
                if fault is not None:  # they are written with the next one, the newest if there are too many
                    self._waiting = deque((*lines, *self._waiting), KEPT)
                    return
        finally:
            self._writing = None


def of_reload(result: str, mistakes: Sequence[str], changes: Sequence[str]) -> str:
    """The outcome of a reload, in a few words."""
    told = (*mistakes, *changes)
    more = f" and {len(told) - 1} more" if len(told) > 1 else ""
    return f"{result}: {told[0]}{more}" if told else result


def _line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST].encode(errors="replace").decode()


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


def _read(path: Path) -> list[Deed]:
    """The newest deeds of the file and the one before it, oldest first; what can't be read is passed over."""
    found: list[Deed] = []
    for file in (_before(path), path):
        for line in _tail(file).splitlines():
            deed = _parsed(line)
            if deed is not None:
                found.append(deed)
    return found[-KEPT:]


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _READ))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _parsed(line: str) -> Deed | None:
    try:
        plain: dict[str, Any] = json.loads(line)
        texts = {one.name: str(plain.get(one.name, "")) for one in fields(Deed) if one.name != "when"}
        return Deed(float(plain["when"]), **texts)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
