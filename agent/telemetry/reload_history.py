# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of reloads, kept in a file: a restart must not hide what moved a number an hour ago."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from agent.core.reloads import KEPT, ReloadRecord
from agent.telemetry.kept_lines import KeptLines

_LINES: Final = 100
"""Changes and mistakes of one reload that are kept, each."""
_LONGEST: Final = 300
_START: Final = "start"


class ReloadHistory:
    """Used on the loop thread.

    Args:
        path: the file, which is read now; None keeps nothing.

    Attributes:
        before: what became of the reloads of former processes, oldest first.
    """

    def __init__(self, path: Path | None) -> None:
        self._lines = None if path is None else KeptLines(path, KEPT, "reloads")
        self.before = [] if self._lines is None else list(_read(self._lines))[-KEPT:]
        self._only_started = bool(self.before) and self.before[-1].cause.how == _START
        self._held: ReloadRecord | None = None

    def keep(self, record: ReloadRecord) -> None:
        """Keep one more.

        A start that follows a start is kept once something else comes: a process that is started again and
        again must not push out what happened.
        """
        if self._lines is None:
            return
        if record.cause.how == _START and self._only_started:
            self._held = record
            return
        for one in filter(None, (self._held, record)):
            self._lines.put(_cut(one))
        self._held, self._only_started = None, record.cause.how == _START

    async def aclose(self) -> None:
        """Wait until all is written, as far as the disk lets us."""
        if self._lines is not None:
            await self._lines.aclose()


def _read(lines: KeptLines) -> Iterator[ReloadRecord]:
    for plain in lines.read():
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            yield ReloadRecord.told(plain)


def _cut(record: ReloadRecord) -> dict[str, Any]:
    shown = record.shown()
    for name in ("changes", "mistakes", "restart"):
        shown[name] = [line[:_LONGEST] for line in shown[name][:_LINES]]
    return shown
