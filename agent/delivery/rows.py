# SPDX-License-Identifier: GPL-3.0-or-later
"""Records to rows and back. Columns, their order and their types are those of the records' fields."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final, TypeAlias, get_origin, get_type_hints

from agent.core import quality
from agent.core.frozen import FrozenDict
from agent.core.records import Attempt, CallRecord, Handoff, Signal

Value: TypeAlias = str | int | float | None
Row: TypeAlias = tuple[Value, ...]


class Columns:
    """Columns of a table, in the order in which their values are given; iterates over their names.

    Args:
        record: what a row keeps.
        names: the fields that are wanted of it.

    Attributes:
        types: of the fields, by column.
    """

    def __init__(self, record: type, names: Iterable[str]) -> None:
        types = get_type_hints(record)
        self.types: Mapping[str, Any] = {name: types[name] for name in names}
        self._get = attrgetter(*self.types)
        converted = (_conversion(kind) for kind in self.types.values())
        self._converted = [(place, *both) for place, both in enumerate(converted) if both is not None]

    def __iter__(self) -> Iterator[str]:
        return iter(self.types)

    def __len__(self) -> int:
        return len(self.types)

    def values(self, record: object) -> Row:
        """The values of a record."""
        values = list(self._get(record))
        for place, to_text, _ in self._converted:
            values[place] = to_text(values[place])
        return tuple(values)

    def fields(self, row: Row) -> dict[str, Any]:
        """The fields of a record, from its values."""
        values: list[Any] = list(row)
        for place, _, from_text in self._converted:
            values[place] = from_text(values[place])
        return dict(zip(self.types, values, strict=True))


def _conversion(kind: Any) -> tuple[Callable[[Any], str], Callable[[str], Any]] | None:  # noqa: ANN401 - a type
    """How a field becomes text and is made of it again; None for one that a database keeps as it is."""
    if get_origin(kind) is Mapping:
        return _to_json, _from_json
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return str, kind
    if get_origin(kind) is tuple:  # of legs; no other record's field is one
        return quality.to_text, quality.from_text
    return None


def _to_json(mapping: Mapping[str, object]) -> str:
    return json.dumps(dict(mapping))  # in ASCII: it may hold what is no valid Unicode


def _from_json(text: str) -> FrozenDict[str, Any]:
    return FrozenDict(json.loads(text))


def _all(record: type) -> Columns:
    return Columns(record, [field.name for field in fields(record) if field.name != "attempts"])


CALL: Final = _all(CallRecord)
CALL_CHANGES: Final = Columns(
    CallRecord, ("call_id", "state", "answered", "ended", "end", "reason", "version", "legs")
)
"""The key of a call, then what changes while it is up."""
SIGNAL: Final = _all(Signal)
"""Without its attempts, which have rows of their own."""
ATTEMPT: Final = _all(Attempt)
"""Without the signal's id and the attempt's number."""
HANDOFF: Final = _all(Handoff)


def names(columns: Iterable[str]) -> str:
    """Columns as a list in SQL, where ``end`` is a word of the language."""
    return ", ".join('"end"' if column == "end" else column for column in columns)


def call_of(row: Row) -> CallRecord:
    """The record of a row of `CALL`."""
    return CallRecord(**CALL.fields(row))


def signal_of(row: Row) -> Signal:
    """The record of a row of `SIGNAL` and its attempts as a JSON array of arrays."""
    *values, attempts = row
    tried = tuple(Attempt(*attempt) for attempt in json.loads(str(attempts)))
    return Signal(**SIGNAL.fields(tuple(values)), attempts=tried)


def handoff_of(row: Row) -> Handoff:
    """The record of a row of `HANDOFF`."""
    return Handoff(**HANDOFF.fields(row))
