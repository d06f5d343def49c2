# SPDX-License-Identifier: GPL-3.0-or-later
"""The OpenAPI document of the handoff API, made from the models that check the bodies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import agent
from agent.http import waiting
from agent.http.models import (
    ConflictAnswer,
    ErrorAnswer,
    FieldsAnswer,
    HandoffAnswer,
    HandoffRequest,
    HandoffState,
    HandoffStatus,
    TranscriptAnswer,
    TranscriptRequest,
)

_Json: TypeAlias = dict[str, Any]

_BASE: Final = "/v1/{account}/{project}"
OPENAPI: Final = "/openapi.json"
HANDOFFS: Final = f"{_BASE}/handoffs"
HANDOFF: Final = f"{_BASE}/handoffs/{{id}}"
HANDOFF_STATE: Final = f"{_BASE}/handoff_state"
TRANSCRIPT: Final = f"{_BASE}/transcript"

_TITLE: Final = "Handoff API"
_ABOUT: Final = """\
Voice agents hand callers back here, and desktops fetch what was said. All of it is JSON, errors too:
`{"error_message": …}`. Every answer carries `X-Request-Id`: the request's own, if it had a usable one
(1 to 128 of `A-Z a-z 0-9 . _ : / + = -`). An address that is none is 404, a method that is none 405 with
`Allow`. A project that does not exist is not told from one of others.
"""
_TAGS: Final = {
    "voice agent": "What a voice agent says of its call.",
    "desktop": "What a screen pop reads. Pages of listed origins may ask from a browser.",
    "document": "This document.",
}
_ERRORS: Final = {
    400: "The request is no sound HTTP, or its body no JSON",
    401: "x-api-key is absent or unknown",
    403: "x-api-key is of another project",
    404: "There is no such thing",
    408: "The body did not come in time",
    409: "The call is in no state for it; error_message says why",
    413: "The body is too large",
    415: "The body is compressed",
    422: "Fields of the body or of the query can't be used",
    429: "Too many requests; see Retry-After",
    500: "A mistake of the agent; its log has more under the X-Request-Id",
    503: "It can't be recorded or read now; see Retry-After",
}
_ALWAYS: Final = (400, 401, 403, 429, 500, 503)
_OF_A_BODY: Final = (404, 408, 409, 413, 415, 422)
_FIELDS: Final = 422
_MAY_RETRY: Final = (429, 503)
_LONGEST_ID: Final = 256


@dataclass(frozen=True, slots=True)
class _Operation:
    """One method of one path."""

    path: str
    method: str
    name: str
    tag: str
    summary: str
    description: str
    answers: Mapping[int, tuple[str, type[BaseModel]]]
    errors: tuple[int, ...]
    asks: type[BaseModel] | None = None
    parameters: tuple[_Json, ...] = ()
    refuses: Mapping[int, type[BaseModel]] = field(default_factory=dict)


def _parameter(name: str, place: str, description: str, **schema: object) -> _Json:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": description,
        "schema": {"type": "string", **schema},
    }


_WAIT: Final = _parameter(
    "wait",
    "query",
    "Seconds that the answer may be waited for, where it is not there yet.",
    type="number",
    minimum=0,
    maximum=waiting.LONGEST,
)
_ID: Final[_Json] = {"maxLength": _LONGEST_ID}
_OPERATIONS: Final = (
    _Operation(
        HANDOFFS,
        "post",
        "handOff",
        "voice agent",
        "Hand the caller of a live call back to CXone",
        "Answered as soon as handoff and signal are on disk; the voice agent stays connected until the "
        "signal is accepted, or its deadline has passed. Where the project lets the voice agent keep the "
        "caller when the signal fails, the answer waits until that is decided, unless wait is 0; `caller` "
        "says it.",
        {202: ("Recorded; its delivery began", HandoffAnswer)},
        _OF_A_BODY,
        HandoffRequest,
        (_WAIT,),
        {409: ConflictAnswer},
    ),
    _Operation(
        HANDOFF,
        "get",
        "getHandoff",
        "voice agent",
        "Where a handoff's signal and its caller stand",
        "With wait: answered when the handoff exists and its signal's state is final, or it changes.",
        {200: ("Found", HandoffStatus)},
        (404, 422),
        parameters=(_parameter("id", "path", "Id of the handoff.", **_ID), _WAIT),
    ),
    _Operation(
        HANDOFF_STATE,
        "get",
        "getHandoffState",
        "desktop",
        "What was said at the handoff",
        "Readable before the signal leaves. One of the two keys is needed; shared_id wins. With wait: "
        "answered as soon as there is something, so a screen pop may ask before the handoff.",
        {200: ("Found", HandoffState)},
        (404, 422),
        parameters=(
            _parameter("id", "query", "Id of the handoff or of the call, or the contact id.", **_ID),
            _parameter("shared_id", "query", "The shared_id of the handoff, or the contact id.", **_ID),
            _WAIT,
        ),
    ),
    _Operation(
        TRANSCRIPT,
        "post",
        "postTranscript",
        "voice agent",
        "Give NICE the transcript of a call, live or over",
        "Posted once for each master contact, and never before or instead of a signal.",
        {202: ("Recorded; it is posted from there", TranscriptAnswer)},
        _OF_A_BODY,
        TranscriptRequest,
    ),
)


def document() -> _Json:
    """The document (OpenAPI 3.1.0)."""
    models: dict[type[BaseModel], None] = {ErrorAnswer: None, FieldsAnswer: None}
    for operation in _OPERATIONS:
        models |= dict.fromkeys(model for _, model in operation.answers.values())
        models |= dict.fromkeys(operation.refuses.values())
        models |= {operation.asks: None} if operation.asks else {}
    _, schemas = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    paths: dict[str, _Json] = {OPENAPI: {"get": _itself()}}
    for operation in _OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": _TITLE, "version": agent.__version__, "description": _ABOUT},
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "headers": _HEADERS,
            "securitySchemes": {
                "key": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "x-api-key",
                    "description": "A key of the project.",
                }
            },
        },
    }


_HEADERS: Final[_Json] = {
    "X-Request-Id": {
        "description": "Id of the request, as in the agent's log.",
        "required": True,
        "schema": {"type": "string", "minLength": 1, "maxLength": 128},
    },
    "Retry-After": {
        "description": "Seconds after which it may be asked again (RFC 9110 section 10.2.3).",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
}
_OF_EACH: Final = (
    _parameter("account", "path", "Account of the project."),
    _parameter("project", "path", "Name of the project."),
)
_REQUEST_ID: Final = _parameter("X-Request-Id", "header", "An id of your own for the request.")


def _described(operation: _Operation) -> _Json:
    described: _Json = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
        "parameters": [*_OF_EACH, *operation.parameters, _REQUEST_ID],
    }
    if operation.asks is not None:
        described["requestBody"] = {"required": True, "content": _content(operation.asks)}
    described["responses"] = {
        **{str(status): _answer(*answer) for status, answer in operation.answers.items()},
        **{
            str(status): _answer(
                _ERRORS[status],
                operation.refuses.get(status, FieldsAnswer if status == _FIELDS else ErrorAnswer),
                again=status in _MAY_RETRY,
            )
            for status in sorted({*_ALWAYS, *operation.errors})
        },
    }
    return described


def _answer(description: str, model: type[BaseModel], *, again: bool = False) -> _Json:
    headers = ("X-Request-Id", "Retry-After") if again else ("X-Request-Id",)
    return {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers},
        "content": _content(model),
    }


def _itself() -> _Json:
    return {
        "operationId": "getDocument",
        "tags": ["document"],
        "summary": "This document",
        "security": [],
        "parameters": [_REQUEST_ID],
        "responses": {
            "200": {
                "description": "OpenAPI 3.1",
                "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
                "content": {"application/json": {"schema": {"type": "object"}}},
            }
        },
    }


def _content(model: type[BaseModel]) -> _Json:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}
