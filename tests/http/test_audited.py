# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Every request that changes something leaves its trace, with its outcome."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from agent.http.operations import operations_app
from agent.http.ports import ReloadAnswer
from agent.http.serving import serve
from agent.telemetry.audit import Audit


@pytest.fixture
def audit() -> Audit:
    return Audit()


@pytest.fixture
async def ask(desk: Any, audit: Audit) -> AsyncIterator[Any]:
    server = await serve(operations_app(desk, audit=audit), "127.0.0.1", 0)
    async with aiohttp.ClientSession(headers={"X-Requested-By": "ana@edge-1"}) as session:

        async def asked(method: str, path: str, **options: Any) -> int:
            url = f"http://127.0.0.1:{server.port}{path}"
            async with session.request(method, url, **options) as response:
                return response.status

        yield asked
    await server.aclose()


def told(audit: Audit) -> list[tuple[str, ...]]:
    """What was done, oldest first: who, what, to what, why, outcome."""
    assert {deed.origin for deed in audit.newest()} <= {"127.0.0.1"}
    return [(one.who, one.action, one.about, one.why, one.outcome) for one in reversed(audit.newest())]


async def test_each_write_is_told_and_no_read(ask: Any, audit: Audit, desk: Any) -> None:
    for path in ("/", "/calls", "/metrics", "/nowhere"):
        await ask("GET", path)
    await ask("POST", "/drain?why=new+version")
    await ask("DELETE", "/drain")
    await ask("DELETE", "/calls/call-1?why=loops")
    await ask("DELETE", "/calls/call-1")
    await ask("POST", "/reload")
    desk.reloaded = ReloadAnswer("refused", mistakes=("numbers/acme.yaml:3:3: wrong", "another"))
    await ask("POST", "/reload")
    await ask("POST", "/signals/s-1/retry", json={"by": "bo", "why": "NICE was down"})
    assert told(audit) == [
        ("ana@edge-1", "drain", "", "new version", "done"),
        ("ana@edge-1", "end_drain", "", "", "done"),
        ("ana@edge-1", "hang_up", "call-1", "loops", "done"),
        ("ana@edge-1", "hang_up", "call-1", "", "refused: no such call is up"),
        ("ana@edge-1", "reload", "", "", "loaded: acme-care: limits.calls 200 -> 300"),
        ("ana@edge-1", "reload", "", "", "refused: numbers/acme.yaml:3:3: wrong and 1 more"),
        ("bo", "retry", "s-1", "NICE was down", "refused: unknown signal s-1"),
    ]


async def test_one_that_breaks_is_told_too(ask: Any, audit: Audit, desk: Any) -> None:
    def broken() -> None:
        raise RuntimeError("the switchboard is gone")

    desk.drain = broken
    assert await ask("POST", "/drain") == 500
    assert told(audit) == [("ana@edge-1", "drain", "", "", "failed: the switchboard is gone")]


async def test_a_write_that_no_route_takes_is_told_as_it_came(ask: Any, audit: Audit) -> None:
    assert await ask("POST", "/nowhere") == 404
    assert told(audit) == [("ana@edge-1", "POST /nowhere", "", "", "refused: Not Found")]
