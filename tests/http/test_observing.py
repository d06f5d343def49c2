# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Each request is counted and has a line in the log, with its id and without anything that is secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agent.telemetry import logs

HANDOFFS = "/v1/acme/acme-care/handoffs"
STATE = "/v1/acme/acme-care/handoff_state"
KEY = {"x-api-key": "care-key"}


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """What was logged of requests so far."""
    with logs.kept():
        logs.configure("debug")

        def read() -> list[dict[str, Any]]:
            said = capsys.readouterr().err
            assert "care-key" not in said
            assert "Zoë" not in said
            found = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
            return [line for line in found if line["event"] == "api request"]

        yield read


async def test_each_answer_is_counted_by_project_route_and_status(listen: Any) -> None:
    counted: list[tuple[str, str, int]] = []
    api = await listen(count=lambda *what: counted.append(what))
    await api("POST", HANDOFFS, json={"call_id": "call-1"}, headers=KEY)
    await api("GET", f"{HANDOFFS}/handoff-1", headers=KEY)
    await api("GET", f"{STATE}?id=4711", headers=KEY)
    await api("POST", "/v1/acme/acme-care/transcript", data="{", headers=KEY)
    await api("GET", STATE, headers={"x-api-key": "sales-key"})
    await api("GET", STATE)
    await api("GET", "/v1/acme/who-knows/handoff_state")
    await api("GET", "/nowhere")
    await api("DELETE", STATE, headers=KEY)
    await api("GET", "/openapi.json")
    assert counted == [
        ("acme-care", "hand_off", 202),
        ("acme-care", "status", 200),
        ("acme-care", "state", 200),
        ("acme-care", "transcript", 400),
        ("", "state", 403),
        ("", "state", 401),
        ("", "state", 401),
        ("", "", 404),
        ("", "", 405),
        ("", "document", 200),
    ]


async def test_a_line_of_the_log_has_the_request_s_id_and_what_came_of_it(api: Any, lines: Any) -> None:
    body = {"call_id": "call-1", "data": {"name": "Zoë"}}
    await api("POST", HANDOFFS, json=body, headers=KEY | {"X-Request-Id": "request-7"})
    (line,) = lines()
    del line["seconds"], line["time"]
    assert line == {
        "event": "api request",
        "part": "http",
        "level": "info",
        "request_id": "request-7",
        "method": "POST",
        "route": "hand_off",
        "status": 202,
        "remote": "127.0.0.1",
        "project": "acme-care",
        "call_id": "call-1",
        "handoff_id": "handoff-1",
    }


async def test_an_id_that_was_made_here_is_the_same_in_answer_and_log(api: Any, lines: Any) -> None:
    for path in (STATE, "/nowhere"):
        _, _, headers = await api("GET", path)
        assert [line["request_id"] for line in lines()] == [headers["X-Request-Id"]]


@pytest.mark.parametrize(
    ("method", "headers", "level"), [("GET", KEY, "debug"), ("POST", KEY, "info"), ("GET", {}, "info")]
)
async def test_reads_that_go_well_are_not_worth_a_line_to_everybody(
    api: Any, lines: Any, method: str, headers: dict[str, str], level: str
) -> None:
    await api("POST", HANDOFFS, json={"call_id": "call-1"}, headers=KEY)
    lines()
    path = f"{STATE}?id=4711" if method == "GET" else HANDOFFS
    await api(method, path, headers=headers)
    assert [line["level"] for line in lines()] == [level]
