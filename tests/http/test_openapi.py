# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""The OpenAPI document says what there is, all of it, and nothing else."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from agent.http.api import api_app
from agent.http.openapi import document

DOCUMENT = document()
OPERATIONS = {
    (method.upper(), path): operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


async def test_each_route_is_described_and_each_that_is_described_is_there(desk: Any) -> None:
    resources = api_app(desk).router.resources()
    routes = {(route.method, resource.canonical) for resource in resources for route in resource}
    assert routes == set(OPERATIONS)


async def test_it_is_served_to_everybody(api: Any) -> None:
    status, found, _ = await api("GET", "/openapi.json")
    assert (status, found) == (200, json.loads(json.dumps(DOCUMENT)))
    assert found["openapi"] == "3.1.0"


def test_names_of_operations_are_there_and_differ() -> None:
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert sorted(set(names)) == sorted(names)
    for operation in OPERATIONS.values():
        assert operation["summary"]
        assert set(operation["tags"]) <= {tag["name"] for tag in DOCUMENT["tags"]}


def test_every_placeholder_of_a_path_is_a_parameter_of_it() -> None:
    for (_, path), operation in OPERATIONS.items():
        named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path))
        assert all(one["required"] == (one["in"] == "path") for one in operation["parameters"])


def test_each_answer_has_its_body_and_its_headers() -> None:
    for operation in OPERATIONS.values():
        for status, answer in operation["responses"].items():
            wanted = {"X-Request-Id", "Retry-After"} if status in ("429", "503") else {"X-Request-Id"}
            assert set(answer["headers"]) == wanted
            assert set(answer["content"]) == {"application/json"}


def test_each_reference_leads_somewhere() -> None:
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(DOCUMENT)):
        found: Any = DOCUMENT
        for step in reference.split("/"):
            found = found[step]
        assert found


@pytest.mark.parametrize(
    ("operation", "statuses"),
    [
        (("POST", "/v1/{account}/{project}/handoffs"), "202 400 401 403 404 408 409 413 415 422 429 500 503"),
        (("GET", "/v1/{account}/{project}/handoffs/{id}"), "200 400 401 403 404 422 429 500 503"),
        (("GET", "/v1/{account}/{project}/handoff_state"), "200 400 401 403 404 422 429 500 503"),
        (
            ("POST", "/v1/{account}/{project}/transcript"),
            "202 400 401 403 404 408 409 413 415 422 429 500 503",
        ),
        (("GET", "/openapi.json"), "200"),
    ],
)
def test_the_answers_of_each_operation_are_these(operation: tuple[str, str], statuses: str) -> None:
    assert sorted(OPERATIONS[operation]["responses"]) == statuses.split()
