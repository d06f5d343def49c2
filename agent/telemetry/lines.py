# SPDX-License-Identifier: GPL-3.0-or-later
"""One line of the log: what of it is concealed, and how it is written for machines and for people.

Each call writes some lines, so what is the same for all lines of a kind is found out once.
"""

from __future__ import annotations

import json
import re
import sys
import traceback
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

from structlog.dev import ConsoleRenderer, plain_traceback

Line: TypeAlias = MutableMapping[str, Any]
"""Facts by name, in the order in which they are written; ``exc_info`` as `logging` has it."""
Form: TypeAlias = Literal["json", "text"]

MASKED: Final = "***"
_NUMBER_KEYS: Final = frozenset(
    {"number", "caller", "called", "from_number", "to_number", "from_uri", "to_uri"}
)
_SECRET_KEYS: Final = frozenset(
    {
        "access_key_secret",
        "access_token",
        "api_key",
        "authorization",
        "client_secret",
        "id_token",
        "parameters",
        "password",
        "refresh_token",
        "secret",
        "token",
        "x-api-key",
    }
)
# All digits of a number but its last two; in a SIP URI only those before the host.
_HIDDEN_DIGIT: Final = re.compile(r"\d(?=(?:\D*\d){2})")
# Where a text of a call's story has numbers: users of SIP URIs, tel URIs, and the rule that took the call.
# Each takes all that it looks at, also where nothing is masked: a peer may write 64 kB of "sip:sip:sip:".
_NUMBER_IN_TEXT: Final = re.compile(r"(?i)\bsips?:[^\s@<>\"]*+@?|\btel:[^\s<>\"]++|, rule \S++")
_json: Final = json.JSONEncoder(default=repr).encode  # made once: `json.dumps` makes one for each line


def now() -> str:
    """The time of a line: UTC, as ISO 8601 has it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def masked(number: str) -> str:
    """A phone number or SIP URI of which only the last two digits of the user part can be read."""
    user, at, host = number.partition("@")
    return _HIDDEN_DIGIT.sub("*", user) + at + host


def masked_within(text: str) -> str:
    """A text of a call's story with all phone numbers in it `masked`."""
    return _NUMBER_IN_TEXT.sub(_masked, text)


def _masked(found: re.Match[str]) -> str:
    text = found[0]
    return masked(text) if text.endswith("@") or text[:3].lower() != "sip" else text


def drawn(form: Form, *, numbers: bool) -> Callable[[Line], str]:
    """What makes a line into text: in which form, and whether phone numbers can be read in it."""
    show = _shown_in_json if form == "json" else _in_text()

    def draw(line: Line) -> str:
        secret, of_numbers = _kept_back(tuple(line))
        for key in secret:
            line[key] = MASKED
        if not numbers:
            for key in of_numbers:
                line[key] = masked(str(line[key]))
        line["time"] = now()
        return show(line)

    return draw


@lru_cache(maxsize=1024)
def _kept_back(keys: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which facts of a line are secrets, and which are numbers: the same for all lines of one kind."""
    secret = tuple(key for key in keys if key.lower() in _SECRET_KEYS)
    return secret, tuple(key for key in keys if key in _NUMBER_KEYS)


def _shown_in_json(line: Line) -> str:
    if "exc_info" in line:
        error = _exception(line.pop("exc_info"))
        if error is not None:
            # Plain tracebacks only: those with local variables would carry tokens and parameter values.
            line["exception"] = "".join(traceback.format_exception(error)).rstrip("\n")
    return _json(line)


def _in_text() -> Callable[[Line], str]:
    draw = ConsoleRenderer(
        colors=sys.stderr.isatty(), timestamp_key="time", exception_formatter=plain_traceback
    )
    return lambda line: str(draw(None, line["level"], line))


def _exception(said: object) -> BaseException | None:
    if isinstance(said, BaseException):
        return said
    if isinstance(said, tuple):
        return said[1] if isinstance(said[1], BaseException) else None
    return sys.exc_info()[1] if said else None
