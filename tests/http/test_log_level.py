# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""The log's level over the operations listener."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agent.telemetry import logs


@pytest.fixture(autouse=True)
def _log() -> Iterator[None]:
    with logs.kept():
        logs.configure()
        yield


async def test_it_is_changed_for_a_while_shown_and_taken_back(operations: Any) -> None:
    assert (await operations("GET", "/loglevel"))[1] == {"configured": "info", "for_a_while": []}
    body = {"level": "debug", "project": "acme-care", "for": "10m", "by": "ana"}
    status, answer, _ = await operations("PUT", "/loglevel", json=body)
    (one,) = answer["for_a_while"]
    assert (status, one["level"], one["project"], one["by"]) == (200, "debug", "acme-care", "ana")
    assert 590 < one["left"] <= 600
    assert (await operations("GET", "/readyz"))[1]["log_levels"][0]["project"] == "acme-care"
    await operations("PUT", "/loglevel", json={"level": "warning"})
    (node,) = [one for one in (await operations("GET", "/loglevel"))[1]["for_a_while"] if not one["project"]]
    assert 890 < node["left"] <= 900
    assert node["by"] == "test", "as the header of the request says"
    status, answer, _ = await operations("DELETE", "/loglevel?project=acme-care")
    assert [one["project"] for one in answer["for_a_while"]] == [""]
    assert (await operations("DELETE", "/loglevel"))[1]["for_a_while"] == []


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"level": "loud"}, 422, "level"),
        ({}, 422, "level"),
        ({"level": "debug", "for": "0s"}, 422, "for"),
        ({"level": "debug", "for": "2d"}, 422, "for"),
        ({"level": "debug", "for": "soon"}, 422, "not a duration"),
        ({"level": "debug", "project": "acme-cara"}, 404, "there is no project 'acme-cara'"),
        ({"level": "debug", "projekt": "acme-care"}, 422, "projekt"),
    ],
)
async def test_what_can_t_be_is_refused(operations: Any, body: Any, status: int, says: str) -> None:
    answered, answer, _ = await operations("PUT", "/loglevel", json=body)
    assert (answered, says in answer["error_message"]) == (status, True), answer
    assert logs.levels_shown() == []
