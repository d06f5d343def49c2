# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Which pages may read the API from a browser: those that are listed, and only read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

HANDOFFS = "/v1/acme/acme-care/handoffs"
HANDOFF = f"{HANDOFFS}/handoff-1"
STATE = "/v1/acme/acme-care/handoff_state"
TRANSCRIPT = "/v1/acme/acme-care/transcript"
DESKTOP = "https://desktop.example.org"
KEY = {"x-api-key": "care-key"}
PREFLIGHT = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-api-key"}


def opened(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that say what a page may do."""
    return {name: value for name, value in headers.items() if name.lower().startswith("access-control-")}


@pytest.fixture
async def api(listen: Any) -> Any:
    return await listen(origins=(DESKTOP, "http://localhost:3000"))


@pytest.mark.parametrize("path", [HANDOFF, STATE])
@pytest.mark.parametrize("origin", [DESKTOP, "http://localhost:3000"])
async def test_a_listed_page_may_ask_with_a_key(api: Any, path: str, origin: str) -> None:
    status, _, headers = await api("OPTIONS", path, headers=PREFLIGHT | {"Origin": origin})
    assert status == 204
    assert opened(headers) == {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "GET",
        "Access-Control-Allow-Headers": "x-api-key, x-request-id",
        "Access-Control-Max-Age": "600",
        "Access-Control-Expose-Headers": "X-Request-Id, Retry-After",
    }
    assert headers["Vary"] == "Origin"


@pytest.mark.parametrize("path", [HANDOFF, STATE])
@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", f"{DESKTOP}.evil.example", DESKTOP.upper(), f"{DESKTOP}:8443", "null", ""],
)
async def test_a_page_that_is_not_listed_gets_nothing(api: Any, path: str, origin: str) -> None:
    status, _, headers = await api("OPTIONS", path, headers=PREFLIGHT | {"Origin": origin})
    assert (status, opened(headers), headers["Allow"]) == (405, {}, "GET")
    status, _, headers = await api("GET", path, headers=KEY | {"Origin": origin})
    assert (opened(headers), headers["Vary"]) == ({}, "Origin")


@pytest.mark.parametrize(
    ("method", "path"), [("POST", HANDOFFS), ("POST", TRANSCRIPT), ("GET", HANDOFFS), ("DELETE", STATE)]
)
async def test_a_listed_page_may_only_read(api: Any, method: str, path: str) -> None:
    asked = PREFLIGHT | {"Origin": DESKTOP, "Access-Control-Request-Method": method}
    status, _, headers = await api("OPTIONS", path, headers=asked)
    assert (status, opened(headers)) == (405, {})
    _, _, headers = await api(method, path, headers=KEY | {"Origin": DESKTOP})
    assert opened(headers) == {}


@pytest.mark.parametrize("key", [{}, KEY, {"x-api-key": "sales-key"}])
async def test_a_listed_page_can_read_errors_too(api: Any, key: dict[str, str]) -> None:
    for path in (STATE, HANDOFF):
        status, _, headers = await api("GET", path, headers=key | {"Origin": DESKTOP})
        assert status >= 400
        assert headers["Access-Control-Allow-Origin"] == DESKTOP


async def test_a_listed_page_reads_a_state(api: Any) -> None:
    await api("POST", HANDOFFS, json={"call_id": "call-1"}, headers=KEY)
    status, answer, headers = await api("GET", f"{STATE}?id=call-1", headers=KEY | {"Origin": DESKTOP})
    assert (status, answer["id"], headers["Access-Control-Allow-Origin"]) == (200, "handoff-1", DESKTOP)
    assert "Access-Control-Allow-Credentials" not in headers


async def test_without_a_list_no_page_may_and_no_preflight_is_known(listen: Any) -> None:
    api = await listen()
    for path in (HANDOFF, STATE, HANDOFFS):
        status, _, headers = await api("OPTIONS", path, headers=PREFLIGHT | {"Origin": DESKTOP})
        assert (status, opened(headers)) == (405, {})
        _, _, headers = await api("GET", path, headers=KEY | {"Origin": DESKTOP})
        assert (opened(headers), "Vary" in headers) == ({}, False)
