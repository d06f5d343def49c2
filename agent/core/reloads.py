# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of reloads: when, how, by whom, what each changed or why it was kept out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

from agent.core.frozen import NOTHING

KEPT: Final = 200
"""Reloads that are remembered, the newest; with some 20 kB each at most."""


How: TypeAlias = Literal["start", "signal", "file", "http"]


@dataclass(frozen=True, slots=True)
class Cause:
    """How a reload came about.

    Attributes:
        how: the agent was started, got a signal (SIGHUP), saw an edit of a file, or was asked over HTTP.
        who: the name of who asked, where that is known.
        origin: the address from which that was.
        why: what they said about it.
    """

    how: How
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

    @classmethod
    def told(cls, plain: Mapping[str, Any]) -> ReloadRecord:
        """One of what `shown` gave.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: it is none.
        """
        if plain["how"] not in get_args(How):
            raise ValueError(f"{plain['how']!r} is no cause")
        return cls(
            float(plain["when"]),
            Cause(plain["how"], *(str(plain.get(name, "")) for name in ("who", "origin", "why"))),
            str(plain["result"]),
            float(plain.get("seconds", 0.0)),
            int(plain.get("rules", 0)),
            {str(what): int(count) for what, count in plain.get("counts", {}).items()},
            *(tuple(map(str, plain.get(name, ()))) for name in ("changes", "mistakes", "restart")),
        )


class Reloads:
    """The newest reloads.

    Args:
        before: those of former processes, oldest first.
        keep: is given each new one, so that the next process knows of it.
    """

    def __init__(
        self,
        before: Iterable[ReloadRecord] = (),
        keep: Callable[[ReloadRecord], None] = lambda _record: None,
    ) -> None:
        self._records: deque[ReloadRecord] = deque(before, maxlen=KEPT)
        self._keep = keep

    def add(self, record: ReloadRecord) -> None:
        """Remember one more."""
        self._records.append(record)
        self._keep(record)

    def newest(self, most: int = KEPT) -> list[ReloadRecord]:
        """The newest first."""
        return list(reversed(self._records))[:most]
