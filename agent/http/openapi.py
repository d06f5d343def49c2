# SPDX-License-Identifier: GPL-3.0-or-later
"""The OpenAPI document of the handoff API, made from the models that check the bodies."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import agent
from agent.http.models import ErrorAnswer, HandoffAnswer, HandoffRequest, HandoffState, HandoffStatus

_Json: TypeAlias = dict[str, Any]
_MODELS: Final = (HandoffRequest, HandoffAnswer, HandoffStatus, HandoffState, ErrorAnswer)
_ERRORS: Final = {
    400: "The request is malformed",
    401: "x-api-key is absent or unknown",
    403: "x-api-key is of another project",
    404: "There is no such thing",
    409: "A terminal moment of the call came before",
    413: "The body is larger than 64 KiB",
    422: "Fields of the body can't be used",
    503: "It can't be recorded now; see Retry-After",
}


def document() -> _Json:
    """The document (OpenAPI 3.1)."""
    _, schemas = models_json_schema(
        [(model, "validation") for model in _MODELS], ref_template="#/components/schemas/{model}"
    )
    base = "/v1/{account}/{project}"
    return {
        "openapi": "3.1.0",
        "info": {"title": "Handoff API", "version": agent.__version__},
        "security": [{"key": []}],
        "paths": {
            f"{base}/handoffs": {"post": _hand_off()},
            f"{base}/handoffs/{{id}}": {
                "get": _read("Where a handoff's signal stands", HandoffStatus, [_path("id")], 401, 403, 404)
            },
            f"{base}/handoff_state": {
                "get": _read(
                    "What was said at the handoff; shared_id wins, a contact id works as a key",
                    HandoffState,
                    [_query("id"), _query("shared_id")],
                    *(400, 401, 403, 404),
                )
            },
        },
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
        },
    }


def _hand_off() -> _Json:
    return {
        "summary": "Hand the caller of a live call back to CXone",
        "parameters": [_path("account"), _path("project")],
        "requestBody": {"required": True, "content": _content(HandoffRequest)},
        "responses": {
            "202": {"description": "Recorded; its delivery began", "content": _content(HandoffAnswer)},
            **_errors(*_ERRORS),
        },
    }


def _read(summary: str, answer: type[BaseModel], parameters: list[_Json], *errors: int) -> _Json:
    return {
        "summary": summary,
        "parameters": [_path("account"), _path("project"), *parameters],
        "responses": {"200": {"description": "Found", "content": _content(answer)}, **_errors(*errors, 503)},
    }


def _errors(*statuses: int) -> _Json:
    return {
        str(status): {"description": _ERRORS[status], "content": _content(ErrorAnswer)} for status in statuses
    }


def _content(model: type[BaseModel]) -> _Json:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}}


def _path(name: str) -> _Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query(name: str) -> _Json:
    return {"name": name, "in": "query", "required": False, "schema": {"type": "string"}}
