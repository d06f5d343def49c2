# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a field of what somebody sent, in words that say what would be right."""

from __future__ import annotations

import re
from typing import Final, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

_QUOTED: Final = re.compile("'([^']*)'")
_OWN: Final = "Value error, "
_FIXED: Final = {
    "missing": "is needed",
    "string_type": "must be text, in quotes",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
}
_PATTERNS: Final = {
    r"^[^\x00-\x1f\x7f]*$": "must be one line, without control characters",
    r"^[^\x00]*$": "holds the character U+0000, which can't be stored: leave it out",
}


def worded(mistake: ErrorDetails, model: type[BaseModel]) -> str:
    """What is wrong, and what would be right.

    Args:
        mistake: as pydantic tells it, with its context.
        model: what was looked for.
    """
    kind, context = mistake["type"], mistake.get("ctx", {})
    match kind:
        case "value_error":  # from a validator of ours, in our words
            return mistake["msg"].removeprefix(_OWN)
        case "extra_forbidden":
            return f"is not known: use {', '.join(_known(model, mistake['loc'][:-1]))}"
        case "string_too_long":
            return f"is longer than {context['max_length']} characters"
        case "too_long":
            return f"has more than {context['max_length']} entries"
        case "string_pattern_mismatch":
            return _PATTERNS.get(context["pattern"], "has a form that can't be used")
        case "literal_error":
            return f"must be one of {', '.join(_QUOTED.findall(context['expected']))}"
        case _:
            return _FIXED.get(kind, "can't be used")


def _known(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The fields of the object at this place."""
    for part in place:
        if part in model.model_fields:
            kind = model.model_fields[str(part)].annotation
            model = next((one for one in get_args(kind) if _is_model(one)), model)
    return list(model.model_fields)


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
