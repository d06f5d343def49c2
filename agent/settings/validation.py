# SPDX-License-Identifier: GPL-3.0-or-later
"""Values against a model: every mistake at its line and column, in words for operators."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from agent.core.model import REFERENCES_ONLY, Carrier, Resolved
from agent.settings.document import Document
from agent.settings.mistakes import Mistake
from agent.settings.values import PathOf

ModelOf = TypeVar("ModelOf", bound=BaseModel)

_WANTED = {
    "int_type": "a whole number",
    "bool_type": "true or false",
    "float_type": "a number",
    "tuple_type": "a list",
    "dict_type": "keys with values",
    "mapping_type": "keys with values",
    "model_type": "keys with values",
    "string_type": "a text",
    "path_type": "a path",
}
HIDDEN = {(Carrier, "name")}
"""Fields that the loader fills in and no file has."""
_TIED = {"int_parsing": "int_type", "bool_parsing": "bool_type", "model_attributes_type": "model_type"}


def validate(
    model: type[ModelOf], document: Document, values: Mapping[str, Any], spoiled: Iterable[PathOf]
) -> tuple[ModelOf | None, list[Mistake]]:
    """Make ``model`` of ``values``.

    Args:
        model: what the file should hold.
        document: where the values are from.
        values: what it holds.
        spoiled: paths that have their mistake already.

    Returns:
        The model and no mistakes, or None and the mistakes (none if all lie at spoiled paths).
    """
    try:
        return model.model_validate(values, context={REFERENCES_ONLY: True}), []
    except ValidationError as error:
        details = error.errors(include_url=False)
    known = tuple(spoiled)
    mistakes = []
    for detail in details:
        if detail["type"] == "too_short" and any(_below(other["loc"], detail["loc"]) for other in details):
            continue  # pydantic counts only the good items, and the others are told of anyway
        path = detail["loc"]
        if detail["type"] == "misplaced":
            path = (*path, *detail["ctx"]["path"])
        if not any(path == stem or _below(path, stem) for stem in known):
            mistakes.append(_mistake(model, document, path, detail))
    return None, mistakes


def _below(path: PathOf, stem: PathOf) -> bool:
    return len(path) > len(stem) and path[: len(stem)] == stem


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?`` when a known word is close, else the list of all."""
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, n=1)
    return f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(choices)}"


def _mistake(model: type[BaseModel], document: Document, path: PathOf, detail: ErrorDetails) -> Mistake:
    type_ = detail["type"]
    if type_ == "extra_forbidden":
        known = _fields(model, path[:-1])
        text = f"unknown key {path[-1]!r}: {did_you_mean(str(path[-1]), known)}"
        return document.mistake(document.at(path, key=True), text)
    if type_ == "missing":
        text = f"{path[-1]} is missing: {_description(model, path)}"
        return document.mistake(document.at(path[:-1], key=True), text)
    if path and path[-1] == "[key]":
        return document.mistake(document.at(path[:-1], key=True), _words(detail, str(path[-2])))
    return document.mistake(document.at(path), _words(detail, document.scalar(path)))


def _words(detail: ErrorDetails, written: str | None) -> str:
    type_ = _TIED.get(detail["type"], detail["type"])
    value = detail["input"]
    context = detail.get("ctx", {})
    if type_ == "string_type" and isinstance(value, int | float) and written is not None:
        read_as = "true or false" if isinstance(value, bool) else "a number"
        return f'YAML reads {written} as {read_as}: put it in quotes, "{written}"'
    if type_ in _WANTED:
        shown = "nothing" if value is None else "a list" if isinstance(value, list) else None
        shown = shown or ("keys with values" if isinstance(value, dict) else _quoted(value, written))
        return f"{shown} stands where {_WANTED[type_]} belongs"
    match type_:
        case "value_error":
            return _without_secrets(str(context["error"]), value)
        case "misplaced":
            return str(context["text"])
        case "literal_error" | "enum":
            return f"{_quoted(value, written)} is not known: write {context['expected']}"
        case "greater_than_equal":
            return f"{written or 'this'} is too small: the least is {context['ge']}"
        case "less_than_equal":
            return f"{written or 'this'} is too large: the most is {context['le']}"
        case "too_short":
            return "nothing is listed: at least one is needed"
    return detail["msg"]


_TELLING = 6
"""Of what is shorter a message's own words may have some, too."""


def _without_secrets(text: str, value: object) -> str:
    """What a check says of a value, without what a reference brought, and without the user part of a URL."""
    if not isinstance(value, str) or not value:
        return text
    scheme, separator, rest = value.partition("://")
    if isinstance(value, Resolved):
        shown = "what this refers to"
        text = text.replace(repr(str(value)), shown)
        if len(value) < _TELLING:
            return text
    elif separator and "@" in rest:
        shown = f"{scheme}://***@{rest.rpartition('@')[2]}"
    else:
        return text
    for written in (repr(str(value))[1:-1], value, value.rstrip("/") or value):
        text = text.replace(written, shown)
    return text


def _quoted(value: object, written: str | None) -> str:
    if isinstance(value, Resolved):
        return "what this refers to"
    return repr(written if written is not None else value)


def _fields(model: type[BaseModel], path: PathOf) -> list[str]:
    found = _model_at(model, path)
    return [name for name in found.model_fields if (found, name) not in HIDDEN] if found else []


def _description(model: type[BaseModel], path: PathOf) -> str:
    found = _model_at(model, path[:-1])
    field = found.model_fields.get(str(path[-1])) if found else None
    return (field.description or "add it") if field else "add it"


def _model_at(model: type[BaseModel], path: PathOf) -> type[BaseModel] | None:
    """The model that describes what stands at ``path``."""
    annotation: Any = model
    for step in path:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            field = annotation.model_fields.get(str(step))
            annotation = _model_or_container(field.annotation) if field else None
        elif annotation is not None:
            annotation = _inner_model(annotation)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _model_or_container(annotation: Any) -> Any:  # noqa: ANN401 - annotations are anything
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    origin = get_origin(annotation)
    if isinstance(origin, type) and issubclass(origin, tuple | Mapping):
        return annotation
    return _inner_model(annotation)


def _inner_model(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - the same
    for argument in get_args(annotation):
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            return argument
        found = _inner_model(argument)
        if found is not None:
            return found
    return None
