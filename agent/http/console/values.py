# SPDX-License-Identifier: GPL-3.0-or-later
"""A configuration in force as rows: key, value, where it stands; secrets never, references as they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from agent.core import units

_HIDDEN: Final = "••••••"
_NONE: Final = "-"


@dataclass(frozen=True, slots=True)
class Row:
    """One value.

    Attributes:
        key: its dotted path.
        value: as people write it.
        line: of the file; 0 where it is a default.
    """

    key: str
    value: str
    line: int


def rows(model: object, places: Mapping[str, tuple[int, str]], stem: str = "") -> Iterator[Row]:
    """The values of a model, or of a mapping of models, in the order of its fields.

    Args:
        model: what is in force.
        places: of the file that it was read from; see `agent.core.model.Written`.
        stem: dotted path of the model.
    """
    for key, value, field in _parts(model):
        path = f"{stem}.{key}" if stem else key
        line, reference = places.get(path, (0, ""))
        if reference:
            yield Row(path, reference, line)
        elif _has_rows(value):
            yield from rows(value, places, path)
        else:
            yield Row(path, _text(value, field), line)


def _parts(model: object) -> Iterator[tuple[str, Any, FieldInfo | None]]:
    if isinstance(model, BaseModel):
        for name, field in type(model).model_fields.items():
            yield name, getattr(model, name), field
    elif isinstance(model, Mapping):
        for name, value in model.items():
            yield str(name), value, None
    elif isinstance(model, tuple | list):
        for index, value in enumerate(model):
            yield str(index), value, None


def _has_rows(value: object) -> bool:
    if isinstance(value, BaseModel):
        return True
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, tuple | list) and any(isinstance(item, BaseModel) for item in value)


def _text(value: object, field: FieldInfo | None) -> str:
    if value is None or value in ((), {}, ""):
        return _NONE
    if isinstance(value, SecretStr):
        return _HIDDEN
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list | frozenset):
        return ", ".join(_text(item, None) for item in value)
    if isinstance(value, float):
        return _span(value) if _is_span(field) else f"{value:g}"
    return str(value)


def _is_span(field: FieldInfo | None) -> bool:
    """Whether a field is a duration, ``Duration | None`` included."""
    if field is None:
        return False
    options = (field, *get_args(field.annotation))
    marks = [mark for one in options for mark in getattr(one, "metadata", getattr(one, "__metadata__", ()))]
    return any(getattr(mark, "func", None) is units.seconds for mark in marks)


def _span(value: float) -> str:
    for size, unit in ((3600, "h"), (60, "m")):
        if value >= size and value % size == 0:
            return f"{value / size:g}{unit}"
    return f"{value:g}s" if value >= 1 or not value else f"{value * 1000:g}ms"
