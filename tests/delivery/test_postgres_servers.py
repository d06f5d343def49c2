# SPDX-License-Identifier: GPL-3.0-or-later
"""Several servers, one of them the primary: who is asked, who is believed, and what follows a promotion."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import pytest

from agent.core.errors import StorageError
from agent.core.records import CallRecord
from agent.delivery.postgres import PostgresStore
from agent.delivery.postgres_servers import hosts_of
from agent.delivery.schema.__main__ import take
from tests.calls.harness.ports import free_port
from tests.calls.harness.postgres import Postgres
from tests.calls.harness.waiting import eventually

MakeCall: TypeAlias = Callable[..., CallRecord]

_CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'handoff-agent'"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.delivery.postgres.HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr("agent.delivery.postgres._PROBE_SECONDS", 0.05)


@contextmanager
def server(primary: Postgres | None = None) -> Iterator[Postgres]:
    """A server that is up, or a standby of one."""
    made = Postgres(primary=primary)
    try:
        made.start()
        yield made
    finally:
        made.remove()


def url_of(*ports: int) -> str:
    """The storage on servers of this machine."""
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    return f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"


@pytest.mark.parametrize(
    ("netloc", "hosts"),
    [
        ("db", ()),
        ("me:a,b@db:5432", ()),
        ("me:pw@one,two:6543", (("one", 5432), ("two", 6543))),
        ("[::1]:5433,two", (("::1", 5433), ("two", 5432))),
    ],
)
def test_servers_of_a_url(netloc: str, hosts: tuple[tuple[str, int], ...]) -> None:
    assert hosts_of(f"postgresql://{netloc}/agent") == hosts


@pytest.mark.parametrize("netloc", ["one,", "one,two:port", "one:1:2,two"])
def test_a_server_that_is_none_is_said(netloc: str) -> None:
    with pytest.raises(ValueError, match="no server: write host or host:port"):
        hosts_of(f"postgresql://{netloc}/agent")


async def test_a_promotion_is_followed_and_the_old_primary_is_never_written_to_again(
    make_call: MakeCall,
) -> None:
    with server() as old, server(old) as new:
        url = url_of(new.port, old.port)  # the standby first: it takes no writes
        store = await PostgresStore.open(url, node="edge-1")
        try:
            await store.open_call(make_call("call-1"), None)
            await eventually(
                lambda: new.run("SELECT count(*) FROM calls", "postgres") == "1", what="replicated"
            )
            old.kill()
            await eventually(lambda: store.fault, what="the fault is noticed")
            assert "takes no writes: a standby, or read-only" in str(store.fault)
            assert "refuses connections" in str(store.fault)
            new.promote()
            await eventually(lambda: store.fault is None, what="the new primary is found")
            await store.open_call(make_call("call-2"), None)
            assert await store.call("call-1") is not None

            old.start()  # nobody fenced it: it takes writes
            new.run(_CUT, "postgres")
            await store.open_call(make_call("call-3"), None)
            new.stop()
            await eventually(
                lambda: "a primary of before (timeline 1, this node wrote on 2)" in str(store.fault),
                what="the old primary is refused",
            )
            with pytest.raises(StorageError, match="primary of before"):
                await store.open_call(make_call("call-4"), None)
            new.start()
            await eventually(lambda: store.fault is None, what="it is back")
        finally:
            await store.aclose()
        assert old.run("SELECT count(*) FROM calls", "postgres") == "1"
        assert new.run("SELECT count(*) FROM calls", "postgres") == "3"

        await asyncio.to_thread(take, url_of(old.port, new.port))  # both take writes: the newer is the truth
        fresh = await PostgresStore.open(url_of(old.port, new.port), node="edge-1")
        await fresh.open_call(make_call("call-5"), None)
        await fresh.aclose()
        assert new.run("SELECT count(*) FROM calls", "postgres") == "4"


async def test_a_primary_that_becomes_read_only_is_a_fault_until_it_takes_writes_again(
    make_call: MakeCall,
) -> None:
    with server() as one:
        store = await PostgresStore.open(url_of(one.port), node="edge-1")
        try:
            one.run("ALTER SYSTEM SET default_transaction_read_only = on", "postgres")
            one.run("SELECT pg_reload_conf()", "postgres")
            await eventually(lambda: store.fault, what="the fault is noticed")
            one.run("ALTER SYSTEM RESET default_transaction_read_only", "postgres")
            one.run("SELECT pg_reload_conf()", "postgres")
            await eventually(lambda: store.fault is None, what="it heals")
            await store.open_call(make_call("call-1"), None)
        finally:
            await store.aclose()


async def test_a_server_that_does_not_answer_holds_nobody_up(make_call: MakeCall) -> None:
    with server() as one, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # takes the connection and says nothing
        store = await PostgresStore.open(
            url_of(silent.getsockname()[1], free_port(), one.port), node="edge-1"
        )
        await store.open_call(make_call("call-1"), None)
        assert await store.call("call-1") is not None
        await store.aclose()


async def test_why_none_of_them_will_do_is_said_of_each() -> None:
    ports = free_port(), free_port()
    with pytest.raises(StorageError) as caught:
        await PostgresStore.open(url_of(*ports), node="edge-1")
    said = "; ".join(f"127.0.0.1:{port} refuses connections" for port in ports)
    assert str(caught.value).endswith(f"can't be used: {said}")
