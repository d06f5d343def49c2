# SPDX-License-Identifier: GPL-3.0-or-later
"""Who changed what, from where and why: a line in the log, and a bounded file that outlives a restart.

Not in the database: what an operator does while that is faulty must be kept, too, and a file of a node's own
needs no step of the schema.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

from agent.telemetry.kept_lines import KeptLines
from agent.telemetry.logs import logger

KEPT: Final = 500
"""Deeds in memory, the newest."""
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
    """

    def __init__(self, path: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._lines = None if path is None else KeptLines(path, KEPT, "deeds of operators")
        self._deeds: deque[Deed] = deque(() if self._lines is None else _read(self._lines), KEPT)

    @property
    def fault(self) -> str | None:
        """Why the newest could not be written; None when it was."""
        return None if self._lines is None else self._lines.fault

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
        if self._lines is not None:
            self._lines.put(asdict(deed))

    async def aclose(self) -> None:
        """Wait until all is written, as far as the disk lets us."""
        if self._lines is not None:
            await self._lines.aclose()


def of_reload(result: str, mistakes: Sequence[str], changes: Sequence[str]) -> str:
    """The outcome of a reload, in a few words."""
    told = (*mistakes, *changes)
    more = f" and {len(told) - 1} more" if len(told) > 1 else ""
    return f"{result}: {told[0]}{more}" if told else result


def _line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST].encode(errors="replace").decode()


def _read(lines: KeptLines) -> Iterator[Deed]:
    """The deeds at the end of the file; what is none is passed over."""
    for plain in lines.read(_READ):
        with suppress(ValueError, TypeError, KeyError):
            texts = {one.name: str(plain.get(one.name, "")) for one in fields(Deed) if one.name != "when"}
            yield Deed(float(plain["when"]), **texts)
