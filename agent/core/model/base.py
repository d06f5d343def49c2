# SPDX-License-Identifier: GPL-3.0-or-later
"""What all models of the configuration share: frozen, no unknown keys, and the types of single values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from agent.core import units, uris
from agent.core.frozen import FrozenDict
from agent.core.model.templates import parse_template

REFERENCES_ONLY = "references_only"
"""Validation context key: when true a secret must be a `Resolved` text, never one written in a file."""

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

OWN_HEADERS = frozenset(
    """
    accept allow authorization call-id contact content-disposition content-encoding content-length
    content-type cseq event expires from max-forwards mime-version min-se proxy-authenticate proxy-
    authorization proxy-require rack record-route refer-to replaces require route rseq session-expires
    supported timestamp to unsupported user-agent via www-authenticate c e f i k l m o r s t u v x
    """.split()  # noqa: SIM905 - a list of fifty is harder to read
)
"""Headers that the SIP stack writes itself, in lower case, with their compact forms (RFC 3261 section 20)."""


def misplaced(text: str, *path: str | int) -> PydanticCustomError:
    """An error that a validator of a whole model raises, with the path below that model where it belongs."""
    return PydanticCustomError("misplaced", "{text}", {"text": text, "path": path})


class Resolved(str):
    """A text that came from ``${env:…}`` or ``${file:…}``, not written in a file of the configuration."""

    __slots__ = ()


class Model(BaseModel):
    """Base of all models: frozen, unknown keys are errors, strict (``1`` is no text, ``yes`` no number)."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        use_attribute_docstrings=False,
    )


Key = TypeVar("Key")
Value = TypeVar("Value")


def _freeze(value: Mapping[Key, Value]) -> FrozenDict[Key, Value]:
    return FrozenDict(value)


def _distinct(values: tuple[object, ...]) -> tuple[object, ...]:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise ValueError(f"{value} is listed twice: leave one out")
    return values


def _listed(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _positive(value: float) -> float:
    if value <= 0:
        raise ValueError("must be longer than 0s")
    return value


def _secret(value: object, info: ValidationInfo) -> object:
    if isinstance(value, SecretStr):
        return value
    if not isinstance(value, str):
        raise ValueError("a secret is a text: write ${env:NAME} or ${file:/path}")  # noqa: TRY004 - pydantic wants it
    if (info.context or {}).get(REFERENCES_ONLY) and not isinstance(value, Resolved):
        raise ValueError("a secret is never written in: write ${env:NAME} or ${file:/path}")
    if not value:
        raise ValueError("the secret is empty")
    return SecretStr(str(value))


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} is not a name: use 1 to 64 letters, digits, dots, _ and -")
    return value


def header_name(value: str) -> str:
    """Check that ``value`` may be a header's name (RFC 3261 section 25.1, token).

    Raises:
        ValueError: it may not.
    """
    if not _TOKEN.fullmatch(value):
        raise ValueError(f"{value!r} is not a header name: write one such as X-Contact-ID")
    return value


def _free_header(value: str) -> str:
    header_name(value)
    if value.lower() in OWN_HEADERS:
        raise ValueError(f"{value} is written by the SIP stack itself: choose an X- header")
    return value


def template(value: str) -> str:
    """Check the placeholders of a template and that it is one line.

    Raises:
        ValueError: a placeholder is unknown, or there are control characters.
    """
    if _CONTROL.search(value):
        raise ValueError("line breaks and control characters have no place here: write one line")
    parse_template(value)
    return value


def _path(value: object) -> object:
    return Path(value) if isinstance(value, str) and value else value


def _sip_uri(value: str) -> str:
    return uris.sip_uri(value).text


def _plain_text(value: str) -> str:
    if not value or _CONTROL.search(value):
        raise ValueError("must be one line of text, and not empty")
    return str(value)


_DURATION_SCHEMA: dict[str, Any] = {
    "type": ["string", "number"],
    "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d) ?)+$",
    "minimum": 0,
    "examples": ["30s", "500ms", "4h"],
}
_AS_TEXT = PlainSerializer(str, return_type=str)

Span = Annotated[float, BeforeValidator(units.seconds), WithJsonSchema(_DURATION_SCHEMA)]
"""Seconds, 0 allowed."""
Duration = Annotated[
    float, AfterValidator(_positive), BeforeValidator(units.seconds), WithJsonSchema(_DURATION_SCHEMA)
]
"""Seconds, more than 0."""
Ports = Annotated[
    units.PortRange,
    BeforeValidator(units.port_range),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]+ *- *[0-9]+$", "examples": ["20000-27999"]}),
    _AS_TEXT,
]
SipListen = Annotated[
    units.Listen,
    BeforeValidator(units.listen),
    WithJsonSchema({"type": "string", "pattern": "^(udp|tcp|tls)://", "examples": ["udp://0.0.0.0:5060"]}),
    _AS_TEXT,
]
HttpAddress = Annotated[
    units.Address,
    BeforeValidator(units.address),
    WithJsonSchema({"type": "string", "examples": ["127.0.0.1:8080"]}),
    _AS_TEXT,
]
Source = Annotated[
    units.Network,
    BeforeValidator(units.network),
    WithJsonSchema({"type": "string", "examples": ["192.0.2.0/24", "192.0.2.7"]}),
    _AS_TEXT,
]
Secret = Annotated[
    SecretStr,
    BeforeValidator(_secret),
    WithJsonSchema({"type": "string", "pattern": r"^\$\{(env|file):.+\}$", "examples": ["${env:NAME}"]}),
]
FilePath = Annotated[Path, BeforeValidator(_path)]
"""A path; a relative one starts at the configuration folder."""
Name = Annotated[str, AfterValidator(_name)]
Text = Annotated[str, AfterValidator(_plain_text)]
HeaderName = Annotated[str, AfterValidator(header_name)]
FreeHeader = Annotated[str, AfterValidator(_free_header)]
Template = Annotated[str, AfterValidator(template)]
SipTarget = Annotated[
    str,
    AfterValidator(_sip_uri),
    WithJsonSchema({"type": "string", "pattern": "^[sS][iI][pP]:", "examples": ["sip:bot@10.0.0.5:5070"]}),
]
Count = Annotated[int, Field(ge=1)]
Listed = BeforeValidator(_listed)
"""Annotate a tuple with it: strict models take a YAML list for it all the same."""
Frozen = AfterValidator(_freeze)
"""Annotate a mapping with it to make it unchangeable."""
Distinct = AfterValidator(_distinct)
"""Annotate a tuple with it: it names each value once."""
