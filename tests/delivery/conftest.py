# SPDX-License-Identifier: GPL-3.0-or-later
"""A real store in a file of its own, and records to put in."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from agent.core.moments import Moment
from agent.core.records import CallRecord, Handoff, Signal
from agent.delivery.sqlite import SqliteStore
from agent.delivery.store import Store
from agent.delivery.stores import open_store
from tests.calls.harness.postgres import Postgres
from tests.delivery.bench import Bench

MakeSignal: TypeAlias = Callable[..., Signal]
MakeCall: TypeAlias = Callable[..., CallRecord]
MakeHandoff: TypeAlias = Callable[..., Handoff]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server; each test asks it for a database of its own."""
    server = Postgres()
    server.start()
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty storage of each kind."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path / 'agent.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new()


@pytest.fixture
async def each_store(storage: str) -> AsyncIterator[Store]:
    """A store of each kind."""
    opened = await open_store(storage, node="edge-1")
    yield opened
    await opened.aclose()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(tmp_path / "agent.db")
    yield opened
    await opened.aclose()


@pytest.fixture
async def bench(store: SqliteStore) -> AsyncIterator[Bench]:
    made = Bench(store)
    yield made
    await made.courier.aclose(0)


@pytest.fixture
def make_call() -> MakeCall:
    def make(call_id: str = "call-1", **changes: Any) -> CallRecord:  # noqa: ANN401 - any field
        fields: dict[str, Any] = {
            "node": "edge-1",
            "carrier": "nice-na1",
            "account": "acme",
            "project": "acme-care",
            "number": "9995550100",
            "contact_id": "4711",
            "master_id": "4710",
            "sip_call_id": "sip-1",
            "state": "ringing",
            "began": 1000.0,
        }
        return CallRecord(call_id=call_id, **(fields | changes))

    return make


@pytest.fixture
def make_signal() -> MakeSignal:
    numbers = itertools.count(1)

    def make(call_id: str = "call-1", moment: Moment = Moment.HANDOFF, **changes: Any) -> Signal:  # noqa: ANN401
        fields: dict[str, Any] = {
            "signal_id": f"signal-{next(numbers)}",
            "account": "acme",
            "project": "acme-care",
            "contact_id": "4711",
            "parameters": {"p1": "CARE", "p2": "", "p3": "Grüße"},
            "recorded": 1000.0,
            "expires": 1120.0,
        }
        return Signal(call_id=call_id, moment=moment, **(fields | changes))

    return make


@pytest.fixture
def make_handoff() -> MakeHandoff:
    def make(handoff_id: str = "handoff-1", call_id: str = "call-1", **changes: Any) -> Handoff:  # noqa: ANN401
        fields: dict[str, Any] = {
            "account": "acme",
            "project": "acme-care",
            "contact_id": "4711",
            "asked": 1000.0,
            "destination": "CARE",
            "parameters": {"p4": "x"},
            "data": {"name": "Zoë", "tags": [1, None, "\ud800"]},
        }
        return Handoff(handoff_id=handoff_id, call_id=call_id, **(fields | changes))

    return make
