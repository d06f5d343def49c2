# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: S608 - the statements are made of constants of this module only
"""Calls that are over as the storage gives them: in the order of their numbers, or by page for an export.

The statements are those of both databases; what differs is a word or two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from agent.core.record_form import Finished, HandoffFacts
from agent.delivery.queries import Where
from agent.delivery.rows import CALL, Row, call_of, names

_HANDOFF: Final = ("handoff_id", "asked", "destination", "skill", "reason", "shared_id", "way")
_COLUMNS: Final = ", ".join(
    (
        "calls.record",
        *(f"calls.{names((column,))}" for column in CALL),
        *(f"handoffs.{column}" for column in _HANDOFF),
    )
)
_SELECT: Final = f"SELECT {_COLUMNS} FROM calls LEFT JOIN handoffs ON handoffs.call_id = calls.call_id WHERE"


@dataclass(frozen=True, slots=True)
class Filed:
    """How far record files have come.

    Attributes:
        position: the last number that is known to be in one; None where no file was ever kept.
        given: the highest number that the storage has given to any call.
    """

    position: int | None
    given: int


@dataclass(frozen=True, slots=True)
class Export:
    """Which calls are wanted; those that ended in this time, and of this project.

    Attributes:
        since: then or later, seconds since the epoch.
        until: before.
        project: its name; all of them where it is empty.
    """

    since: float | None = None
    until: float | None = None
    project: str = ""


def after(number: int, most: int, mine: tuple[str, str] | None = None) -> tuple[str, Where]:
    """The query for the next calls by number; `mine` is a condition and its value: whose calls."""
    where = Where()
    if mine is not None:
        where.add(*mine)
    where.add("calls.record > ?", number)
    return f"{_SELECT} {where} ORDER BY calls.record LIMIT {most:d}", where


def between(low: int, high: int, wanted: Export, place: str) -> tuple[str, Where]:
    """The query for the calls of an export among those at the places above `low` up to `high`."""
    where = Where()
    where.add(f"calls.{place} > ?", low)
    where.add(f"calls.{place} <= ?", high)
    where.add("calls.ended IS NOT NULL")
    if wanted.since is not None:
        where.add("calls.ended >= ?", wanted.since)
    if wanted.until is not None:
        where.add("calls.ended < ?", wanted.until)
    if wanted.project:
        where.add("calls.project = ?", wanted.project)
    return f"{_SELECT} {where} ORDER BY calls.{place}", where


def span(place: str) -> str:
    """The query for the first place and the last."""
    return f"SELECT COALESCE(MIN({place}), 1), COALESCE(MAX({place}), 0) FROM calls"


def finished_of(row: Row) -> Finished:
    """A row of `after` or `between`."""
    number, call, facts = row[0], row[1 : 1 + len(CALL)], row[1 + len(CALL) :]
    handoff = HandoffFacts(*facts) if facts[0] is not None else None  # type: ignore[arg-type]  # of its columns
    return Finished(call_of(call), handoff, number if isinstance(number, int) else None)
