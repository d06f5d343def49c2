# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of reloads: when, how, by whom, what each changed or why it was kept out."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from agent.core.frozen import NOTHING

KEPT: Final = 200
"""Reloads that are remembered, the newest; with some 20 kB each at most."""


@dataclass(frozen=True, slots=True)
class Cause:
    """How a reload came about.

    Attributes:
        how: the agent was started, got a signal (SIGHUP), saw an edit of a file, or was asked over HTTP.
        who: the name of who asked, where that is known.
        origin: the address from which that was.
        why: what they said about it.
    """

    how: Literal["start", "signal", "file", "http"]
    who: str = ""
    origin: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class ReloadRecord:
    """One reload.

    Attributes:
        when: it was over, seconds since the epoch.
        cause: how it came about.
        result: ``started``, ``loaded``, ``unchanged``, ``refused`` or ``held``.
        seconds: it took.
        rules: the number map in force afterwards has.
        counts: how much changed of each sort.
        changes: the first changes, one line each.
        mistakes: why it was refused or held, one line each.
        restart: keys that wait for the next start.
    """

    when: float
    cause: Cause
    result: str
    seconds: float = 0.0
    rules: int = 0
    counts: Mapping[str, int] = NOTHING
    changes: Sequence[str] = ()
    mistakes: Sequence[str] = ()
    restart: Sequence[str] = ()

    def shown(self) -> dict[str, Any]:
        """The same as a JSON object, flat."""
        plain = asdict(self)
        return {"when": plain.pop("when"), **plain.pop("cause"), **plain}


class Reloads:
    """The newest reloads of this process."""

    def __init__(self) -> None:
        self._records: deque[ReloadRecord] = deque(maxlen=KEPT)

    def add(self, record: ReloadRecord) -> None:
        """Remember one more."""
        self._records.append(record)

    def newest(self, most: int = KEPT) -> list[ReloadRecord]:
        """The newest first."""
        return list(reversed(self._records))[:most]
