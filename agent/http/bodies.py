# SPDX-License-Identifier: GPL-3.0-or-later
"""Bodies of requests: read up to a size, parsed as JSON, checked against a model."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator
from typing import Any, Final, NoReturn, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from agent.core.mistakes import worded
from agent.http.errors import RefusalError

BODY: Final = web.RequestKey("body", bytes)
"""The body of a request as it came, once it was read as a model."""
READ_SECONDS: Final = 10.0
"""How long a body may take to arrive."""
DEEPEST: Final = 32
"""How deep objects and lists may lie in each other."""
VALUES_AT_MOST: Final = 20_000
"""How many values a body may hold: each takes some of the loop's time."""
_HALF: Final = "half a surrogate pair, which is no character"
_ROOT: Final = "body"
_FIELDS_AT_MOST: Final = 50

ModelOf = TypeVar("ModelOf", bound=BaseModel)


async def read(request: web.Request, model: type[ModelOf], at_most: int) -> ModelOf:
    """The body of a request as ``model``.

    Args:
        request: its body is not read yet.
        model: what it should hold.
        at_most: bytes; a longer one is given up as soon as that is known.

    Raises:
        RefusalError: 400 it is not JSON, 408 it did not come in time, 413 it is too large, 415 it is
            compressed, 422 with the fields that can't be used.
    """
    try:
        came = request[BODY] = await raw(request, at_most)
        plain = json.loads(came, parse_constant=_no_json)
    except (ValueError, RecursionError):
        raise RefusalError(400, "the body is not JSON") from None
    wrong = list(_unusable(plain))
    if not wrong:
        try:
            return model.model_validate(plain)
        except ValidationError as error:
            wrong = _fields(error, model)
    first = f"{wrong[0]['field']} {wrong[0]['error']}" if wrong[0]["field"] != _ROOT else wrong[0]["error"]
    raise RefusalError(422, f"the body can't be used: {first}", fields=wrong[:_FIELDS_AT_MOST])


async def raw(request: web.Request, at_most: int) -> bytes:
    """The body of a request as it came; see `read` for the arguments and errors, less 422."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise RefusalError(415, "the body is compressed: send it as it is")
    if (request.content_length or 0) > at_most:
        raise _too_large(at_most)
    body = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for part in request.content.iter_any():  # chunked ones do not say how long they are
                body += part
                if len(body) > at_most:
                    raise _too_large(at_most)
    except TimeoutError:
        raise RefusalError(408, f"the body did not come within {READ_SECONDS:g} s") from None
    except web.RequestPayloadError:
        raise RefusalError(400, "the body was cut off or is no sound HTTP") from None
    return bytes(body)


def _too_large(at_most: int) -> RefusalError:
    return RefusalError(413, f"the body is larger than {at_most // 1024} KiB")


def _no_json(constant: str) -> NoReturn:
    # Python would take it, and the desktop that reads it back would not (RFC 8259 section 6).
    raise ValueError(f"{constant} is not JSON")


def _unusable(root: object) -> Iterator[dict[str, str]]:
    """What is JSON but could not be stored or given back as it came, wherever it stands.

    Without recursion: it is the depth that is looked at.
    """
    waiting: list[tuple[str, object, int]] = [("", root, 1)]
    count = 1
    while waiting:
        path, value, depth = waiting.pop()
        if isinstance(value, dict | list):
            if depth > DEEPEST:
                yield _field(path, f"lies deeper than {DEEPEST} levels")
                continue
            count += len(value)
            if count > VALUES_AT_MOST:
                yield _field(path, f"makes them more than {VALUES_AT_MOST} values")
                return
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in items:
                below = f"{path}.{key}" if path else str(key)
                if isinstance(key, str) and _broken(key):
                    yield _field(path, f"has a name with {_HALF}")
                else:
                    waiting.append((below, item, depth + 1))
        elif isinstance(value, str) and _broken(value):
            yield _field(path, f"has {_HALF}")
        elif isinstance(value, float) and not math.isfinite(value):
            yield _field(path, "is a number too large to give back")


def _broken(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _fields(error: ValidationError, model: type[BaseModel]) -> list[dict[str, str]]:
    return [
        _field(
            ".".join(str(part) for part in mistake["loc"] if part != "[key]"),
            worded(mistake, model),
        )
        for mistake in error.errors(include_url=False, include_input=False)
    ]


def _field(path: str, error: str) -> dict[str, str]:
    # A name that came in goes out again: cut, and in a form that any JSON reader takes.
    return {"field": (path or _ROOT)[:200].encode(errors="replace").decode(), "error": error}


def parsed_number(text: str) -> Any:  # noqa: ANN401 - a number, or not
    """A number as JSON writes it; None if it is none."""
    try:
        value = json.loads(text, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
