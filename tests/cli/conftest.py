# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: D102 - the desk is a protocol of agent.http.ports, described there
"""Running one command as ``handoff-agent`` would; a folder, records and an agent for those that need them."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import Request, urlopen

import pytest

from agent.cli import check, route, schema
from agent.cli.main import main
from agent.core.errors import StorageError
from agent.core.model import Project, Snapshot
from agent.core.model.capture import CaptureSettings
from agent.core.moments import Moment, SignalState
from agent.core.records import Attempt, CallRecord, Signal
from agent.core.reloads import Cause
from agent.cxone.client import Cxone
from agent.delivery import decisions
from agent.delivery.courier import Courier
from agent.delivery.queries import CallQuery, SignalQuery
from agent.delivery.sqlite import SqliteStore
from agent.http.access import Access
from agent.http.call_finder import About, CallPage, SipMessage, Which
from agent.http.diagnostics import Diagnostics
from agent.http.operations import operations_app
from agent.http.overview import Overview
from agent.http.ports import MapDesk, ReloadAnswer
from agent.http.serving import Server, serve
from agent.names.names import Names
from agent.settings import load
from agent.simulators.cxone import CxoneSimulator, Knobs, Tenant
from agent.telemetry.audit import Audit
from agent.telemetry.captures import Captures
from agent.web.client import Client
from agent.web.session import new_session
from tests.calls.harness.ports import free_port
from tests.telemetry.wire import Wire

Run = Callable[..., int]
Result = TypeVar("Result")
EXAMPLE = Path(__file__).parents[2] / "config"


@pytest.fixture
def run() -> Run:
    """Runs a command line made of ``check``, ``route`` or ``schema``; gives the exit code."""

    def command(*arguments: str) -> int:
        parser = argparse.ArgumentParser(prog="handoff-agent")
        subparsers = parser.add_subparsers()
        for module in (check, route, schema):
            module.add(subparsers)
        options = parser.parse_args(arguments)
        result: int = options.run(options)
        return result

    return command


class Elsewhere:
    """An event loop in a thread of its own, as another process would have it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def __call__(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Have work done there and give its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    other = Elsewhere()
    yield other
    other.close()


class Bench:
    """A configuration folder whose record, simulated CXone and agent a test makes and asks."""

    def __init__(self, folder: Path, elsewhere: Elsewhere, simulator: CxoneSimulator) -> None:
        self.config = folder / "config"
        self.elsewhere = elsewhere
        self.simulator = simulator
        self.port = free_port()
        shutil.copytree(EXAMPLE, self.config)
        self.edit("agent.yaml", "127.0.0.1:8081", f"127.0.0.1:{self.port}")
        for project in (self.config / "projects").iterdir():
            self.edit(f"projects/{project.name}", "http://127.0.0.1:8090", simulator.url)
        self.database = folder / "var" / "agent.db"
        self.then = time.time() - 60

    def edit(self, file: str, old: str, new: str) -> None:
        """Change a text of a file."""
        path = self.config / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def command(self, *arguments: str) -> int:
        """Run a command with this folder; gives the exit code."""
        return main([*arguments, "--config", str(self.config)])

    def turn(self, **knobs: object) -> None:
        """Turn knobs of the simulated CXone."""
        request = Request(  # noqa: S310 - our own
            f"{self.simulator.url}/simulator/knobs", method="PUT", data=json.dumps(knobs).encode()
        )
        with urlopen(request, timeout=60) as answer:  # noqa: S310 - the same
            assert answer.status == 200

    def stored(self, work: Callable[[SqliteStore], Coroutine[Any, Any, Result]]) -> Result:
        """Work on the record as another process would."""

        async def opened() -> Result:
            store = await SqliteStore.open(self.database, owner=False)
            try:
                return await work(store)
            finally:
                await store.aclose()

        return self.elsewhere(opened())

    def record(
        self,
        state: SignalState,
        *tried: tuple[str, int | None, str],
        contact_id: str = "4512",
        moment: Moment = Moment.HANDOFF,
        **changes: Any,  # noqa: ANN401 - any field of the call
    ) -> str:
        """A call on record and its signal, after these tries; gives the signal's id."""
        now = self.then
        fields: dict[str, Any] = {
            "node": "edge-1",
            "carrier": "nice-na1",
            "account": "acme",
            "project": "acme-care",
            "number": "9995550100",
            "contact_id": contact_id,
            "master_id": "",
            "sip_call_id": f"sip-{contact_id}@10.0.0.1",
            "state": "ended",
            "began": now - 30,
            "answered": now - 29,
            "ended": now + 5,
            "end": "handoff",
            "reason": "handoff",
        }
        call = CallRecord(call_id=f"c-{contact_id}", **(fields | changes))
        signal_id = f"s-{contact_id[-6:]}-{moment}"
        ids = (signal_id, call.call_id, "acme", call.project, contact_id)
        parameters = {"p1": "CARE", "p2": "", "p3": "what the caller said"}

        async def write(store: SqliteStore) -> None:
            if await store.call(call.call_id) is None:
                await store.open_call(call, None)
            await store.update_call(call)
            await store.record_signal(Signal(*ids, moment, parameters, now, now + 120))
            for index, (outcome, status, detail) in enumerate(tried):
                at = now + 0.1 + index
                attempt = Attempt(at, at + 0.2, outcome, status, detail)
                last = index == len(tried) - 1
                await store.update_signal(signal_id, state if last else SignalState.RECORDED, attempt)
            if not tried and state is not SignalState.RECORDED:
                await store.update_signal(signal_id, state, None)

        self.stored(write)
        return signal_id

    def signal(self, signal_id: str) -> Signal:
        """A signal as it is stored now."""

        async def read(store: SqliteStore) -> Signal | None:
            return await store.signal(signal_id)

        found = self.stored(read)
        assert found is not None
        return found


@pytest.fixture
def bench(tmp_path: Path, elsewhere: Elsewhere) -> Iterator[Bench]:
    simulator = CxoneSimulator([Tenant()], Knobs(effect_delay=0))
    elsewhere(simulator.start())
    yield Bench(tmp_path, elsewhere, simulator)
    elsewhere(simulator.aclose())


class NoFinder:
    """Commands look into the record themselves."""

    token_headers = frozenset[str]()

    def messages(self, _call_id: str) -> list[SipMessage]:
        return []

    async def find(self, _query: CallQuery, _which: Which = Which.ALL) -> CallPage:
        return CallPage()

    async def about(self, _call_id: str) -> About | None:
        return None


class Node:
    """A running agent without SIP: the real record, courier, client and operations listener."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._projects: Mapping[str, Project] = load(bench.config).projects
        self.live: list[dict[str, Any]] = []
        self.finder = NoFinder()
        self.stories: dict[str, list[dict[str, Any]]] = {}
        self.refusals: list[dict[str, Any]] = []
        self.hung_up: list[str] = []
        self.storage_away = False
        self.audit = Audit()
        self._snapshot = load(bench.config)
        self.confirmed: list[bool] = []
        self.causes: list[Cause] = []
        self.reloaded = ReloadAnswer("unchanged")
        self._settled: dict[str, asyncio.Event] = {}
        self.wire = Wire()
        self.captures: Captures
        self._store: SqliteStore
        self._session: Client
        self._courier: Courier
        self._server: Server

    async def start(self) -> None:
        self._store = await SqliteStore.open(self._bench.database)
        self._names = Names()
        self._session = new_session(self._names)
        self._client = Cxone(self._session)
        self._courier = Courier(self._store, self._client, self._project, lambda _event: None)
        access = Access(lambda: self.snapshot().agent.http.operations_auth)
        settings = CaptureSettings(folder=self._bench.config.parent / "captures")
        self.captures = Captures(self.wire.messages, lambda: settings, lambda _: True)
        diagnostics = Diagnostics(lambda: ["acme-care"], self.captures)
        app = operations_app(self, access=access, audit=self.audit, diagnostics=diagnostics)
        self._server = await serve(app, "127.0.0.1", self._bench.port)

    async def close(self) -> None:
        await self._server.aclose()
        await self.captures.aclose()
        await self._courier.aclose(1)
        await self._client.aclose()
        await self._session.aclose()
        await self._names.aclose()
        await self._store.aclose()

    async def settled(self) -> None:
        """Wait until nothing is left to deliver."""
        while self._courier.pending:
            await asyncio.sleep(0.01)

    def _project(self, account: str, name: str) -> Project | None:
        project = self._projects.get(name)
        return project if project is not None and project.account == account else None

    async def signals(self, query: SignalQuery) -> Sequence[Signal]:
        if self.storage_away:
            raise StorageError("the database can't be reached")
        return await self._store.signals(query)

    async def signal(self, signal_id: str) -> Signal | None:
        return await self._store.signal(signal_id)

    async def retry_signal(self, signal_id: str, by: str, *, confirmed: bool) -> Signal:
        signal = await decisions.retry(
            self._store, signal_id, by=by, confirmed=confirmed, project_of=self._project, now=time.time()
        )
        self._courier.begin(signal)
        return signal

    async def discard_signal(self, signal_id: str, by: str) -> Signal:
        signal = await decisions.discard(self._store, signal_id, by=by, now=time.time())
        self._courier.withdraw(signal_id)
        return signal

    def calls(self) -> list[dict[str, Any]]:
        return self.live

    def refused(self) -> list[dict[str, Any]]:
        return self.refusals

    async def call(self, call_id: str) -> dict[str, Any] | None:
        found = next((call for call in self.live if call["call_id"] == call_id), None)
        if found is None and self.storage_away:
            raise StorageError("the database can't be reached")
        return found

    async def hang_up(self, call_id: str) -> bool:
        self.hung_up.append(call_id)
        return any(call["call_id"] == call_id for call in self.live)

    def story(self, call_id: str) -> list[dict[str, Any]] | None:
        return self.stories.get(call_id)

    def readiness(self) -> tuple[bool, str]:
        return True, "ready"

    def alarms(self) -> list[dict[str, Any]]:
        return []

    async def reload(self, *, confirmed: bool, cause: Cause) -> ReloadAnswer:
        self.confirmed.append(confirmed)
        self.causes.append(cause)
        return self.reloaded

    @property
    def maps(self) -> MapDesk:
        raise NotImplementedError

    def fingerprint(self) -> str:
        return "0123456789ab"

    def kept_out(self) -> ReloadAnswer | None:
        return None

    def end_drain(self) -> bool:
        """Nothing to take back."""
        return True

    def numbers_shown(self) -> bool:
        """By the rule for logs."""
        return False

    def drain(self) -> None:
        """Nothing to drain."""

    def node_name(self) -> str:
        return "edge-1"

    def overview(self) -> Overview:
        return Overview("edge-1", "ready", ready=True, reason="ready")

    def snapshot(self) -> Snapshot:
        return self._snapshot

    def restart_waits(self) -> Sequence[str]:
        return ()

    def restart_keys(self) -> Sequence[str]:
        return ("node", "sip", "http")

    def metrics(self) -> bytes:
        return b""


@pytest.fixture
def node(bench: Bench) -> Iterator[Node]:
    """The agent of the bench, up."""
    running = Node(bench)
    bench.elsewhere(running.start())
    yield running
    bench.elsewhere(running.close())
