# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: D102 - the desk is a protocol of agent.http.ports, described there
"""A real store, a desk that answers as it is told, and both listeners on real sockets."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agent.core.drafts import Draft
from agent.core.errors import AgentError
from agent.core.frozen import FrozenDict
from agent.core.model import Agent, Snapshot
from agent.core.model.project import Project
from agent.core.moments import Moment
from agent.core.number_map import NumberMap
from agent.core.records import Handoff, Signal, Whereabouts
from agent.core.reloads import Cause, ReloadRecord
from agent.core.trace_context import Parent
from agent.delivery import decisions
from agent.delivery.queries import CallQuery, SignalQuery
from agent.delivery.sqlite import SqliteStore
from agent.http.api import api_app
from agent.http.bell import Bell
from agent.http.call_finder import About, CallPage, SipMessage, Which
from agent.http.diagnostics import Diagnostics
from agent.http.models import HandoffRequest, TranscriptRequest
from agent.http.operations import operations_app
from agent.http.overview import Overview
from agent.http.ports import (
    HandoffAccepted,
    HandoffOutcome,
    ReloadAnswer,
    TranscriptAccepted,
    TranscriptOutcome,
)
from agent.http.serving import Server, serve
from agent.telemetry.metrics import Metrics


def project(name: str, api_key: str | None) -> Project:
    return Project.model_validate(
        {
            "project": name,
            "account": "acme",
            "api_key": api_key,
            "cxone": {
                "issuer": "http://127.0.0.1:1",
                "business_unit": "4591234",
                "client_id": "handoff-agent",
                "client_secret": "made up",
                "access_key_id": "KEY====",
                "access_key_secret": "made up",
            },
            "voice_agent": {"targets": [{"uri": "sip:bot@127.0.0.1:5070"}]},
        }
    )


class MapsOfDesk:
    """Number maps that answer as they are told."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self.answer: dict[str, Any] | AgentError = {"result": "would_load", "changes": []}
        self.asked: list[tuple[Any, ...]] = []

    def reloads(self, most: int) -> list[dict[str, Any]]:
        causes = (("loaded", Cause("signal")), ("started", Cause("start")))
        return [ReloadRecord(1.0, cause, result).shown() for result, cause in causes][:most]

    async def preview(self, draft: Draft) -> dict[str, Any]:
        self.drafts.append(draft)
        if isinstance(self.answer, AgentError):
            raise self.answer
        return self.answer

    def route(self, number: str, carrier: str | None, token: str | None) -> dict[str, Any]:
        self.asked.append((number, carrier, token))
        known = {"one": "one"}[carrier] if carrier else None
        return {"number": number, "carrier": known, "project": "", "refusal": None, "why": ["no rule"]}

    def numbers(self, search: str, most: int) -> dict[str, Any]:
        self.asked.append((search, most))
        return {"rules": 0, "numbers": []}

    def carriers(self) -> Sequence[str]:
        return ("one",)

    def files(self) -> Sequence[str]:
        return ("acme.yaml",)


def snapshot_of(projects: Mapping[str, Project]) -> Snapshot:
    """A configuration with these projects and nothing else."""
    return Snapshot(Agent(node="edge-1"), FrozenDict({}), "drop", projects, NumberMap(), "0" * 64)


class Finder:
    """Finds what a test gives it, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[CallQuery, Which]] = []
        self.page = CallPage()
        self.known: dict[str, About] = {}
        self.kept: dict[str, list[SipMessage]] = {}
        self.token_headers: set[str] = set()

    async def find(self, query: CallQuery, which: Which = Which.ALL) -> CallPage:
        self.asked.append((query, which))
        return self.page

    async def about(self, call_id: str) -> About | None:
        return self.known.get(call_id)

    def messages(self, call_id: str) -> list[SipMessage]:
        return self.kept.get(call_id, [])


class Desk:
    """Records handoffs as the switchboard would, unless a test says otherwise."""

    def __init__(self, store: SqliteStore) -> None:
        self.states = store
        self.projects: Mapping[str, Project] = FrozenDict(
            {
                each.project: each
                for each in (project("acme-care", "care-key"), project("acme-sales", "sales-key"))
            }
        )
        self.asked: list[HandoffRequest] = []
        self.waits: list[float | None] = []
        self.answer: Callable[[], HandoffOutcome] | None = None
        self.posted: list[tuple[str, str, TranscriptRequest]] = []
        self.transcript_answer: TranscriptOutcome = TranscriptAccepted("transcript-1")
        self.bell = Bell()
        self.caller = Whereabouts.VOICE_AGENT
        self.ready = (True, "ready")
        self.reloaded = ReloadAnswer("loaded", changes=("acme-care: limits.calls 200 -> 300",))
        self.confirmed: list[bool] = []
        self.causes: list[Cause] = []
        self.maps = MapsOfDesk()
        self.drained = False
        self.ending = False
        self.begun: list[Signal] = []
        self.stories: dict[str, list[dict[str, Any]]] = {}
        self.live: dict[str, dict[str, Any]] = {"call-1": {"call_id": "call-1", "state": "bridged"}}
        self.refusals: list[dict[str, Any]] = []
        self.parents: list[Parent | None] = []
        self.verbs = Metrics()
        self.seen = Overview("edge-1", "ready", ready=True, reason="ready", limit=1000)
        self.in_force = snapshot_of(self.projects)
        self.waits_for_restart: tuple[str, ...] = ()
        self.finder = Finder()

    async def hand_off(
        self,
        account: str,
        project: str,
        request: HandoffRequest,
        wait: float | None,
        parent: Parent | None = None,
    ) -> HandoffOutcome:
        self.parents.append(parent)
        self.asked.append(request)
        self.waits.append(wait)
        if self.answer is not None:
            return self.answer()
        now = time.time()
        call_id, contact_id = request.call_id or "call-1", request.contact_id or "4711"
        ids = ("handoff-1", call_id, account, project, contact_id)
        handoff = Handoff(*ids, asked=now, data=request.data, shared_id=request.shared_id)
        ids = ("signal-1", call_id, account, project, contact_id)
        signal = Signal(*ids, Moment.HANDOFF, {"p1": request.destination}, now, now + 120)
        assert await self.states.record_handoff(handoff, signal)
        self.bell.ring()
        return HandoffAccepted("handoff-1")

    async def whereabouts(self, call_id: str) -> Whereabouts:
        return self.caller if call_id in self.live else Whereabouts.GONE

    async def transcript(self, account: str, project: str, request: TranscriptRequest) -> TranscriptOutcome:
        self.posted.append((account, project, request))
        return self.transcript_answer

    def calls(self) -> list[dict[str, Any]]:
        return list(self.live.values())

    def refused(self) -> list[dict[str, Any]]:
        return self.refusals

    async def call(self, call_id: str) -> dict[str, Any] | None:
        return self.live.get(call_id)

    async def hang_up(self, call_id: str) -> bool:
        return self.live.pop(call_id, None) is not None

    def story(self, call_id: str) -> list[dict[str, Any]] | None:
        if call_id not in self.live:
            return None
        return self.stories.get(call_id, [{"when": 1.0, "kind": "sip", "text": "INVITE"}])

    async def signals(self, query: SignalQuery) -> Sequence[Signal]:
        return await self.states.signals(query)

    async def signal(self, signal_id: str) -> Signal | None:
        return await self.states.signal(signal_id)

    async def retry_signal(self, signal_id: str, by: str, *, confirmed: bool) -> Signal:
        def project_of(_account: str, name: str) -> Project | None:
            return self.projects.get(name)

        now = time.time()
        signal = await decisions.retry(
            self.states, signal_id, by=by, confirmed=confirmed, project_of=project_of, now=now
        )
        self.begun.append(signal)
        return signal

    async def discard_signal(self, signal_id: str, by: str) -> Signal:
        return await decisions.discard(self.states, signal_id, by=by, now=time.time())

    def alarms(self) -> list[dict[str, Any]]:
        """None."""
        return []

    def readiness(self) -> tuple[bool, str]:
        return self.ready

    async def reload(self, *, confirmed: bool, cause: Cause) -> ReloadAnswer:
        self.confirmed.append(confirmed)
        self.causes.append(cause)
        return self.reloaded

    def fingerprint(self) -> str:
        return "0123456789ab"

    def kept_out(self) -> ReloadAnswer | None:
        return self.reloaded if self.reloaded.result in ("refused", "held") else None

    def end_drain(self) -> bool:
        self.drained = False
        return not self.ending

    def numbers_shown(self) -> bool:
        return False

    def drain(self) -> None:
        self.drained = True

    def node_name(self) -> str:
        return "edge-1"

    def overview(self) -> Overview:
        return self.seen

    def snapshot(self) -> Snapshot:
        return self.in_force

    def restart_waits(self) -> Sequence[str]:
        return self.waits_for_restart

    def restart_keys(self) -> Sequence[str]:
        return ("node", "sip", "http")

    def metrics(self) -> bytes:
        return self.verbs.render()[0]


class Client:
    """Asks one listener; answers with status, body and headers."""

    def __init__(self, session: aiohttp.ClientSession, port: int, server: Server | None = None) -> None:
        self._session = session
        self._base = f"http://127.0.0.1:{port}"
        self.port = port
        self.server = server

    def raw(self, method: str, path: str) -> Any:  # noqa: ANN401 - aiohttp's own
        """The answer as it comes, in an ``async with``."""
        return self._session.request(method, self._base + path)

    async def __call__(
        self,
        method: str,
        path: str,
        **options: Any,  # noqa: ANN401 - aiohttp's own
    ) -> tuple[int, Any, Mapping[str, str]]:
        async with self._session.request(method, self._base + path, **options) as response:
            json = response.content_type == "application/json"
            body = await (response.json() if json else response.text())
            return response.status, body, response.headers


Ask = Callable[..., Awaitable[tuple[int, Any, Mapping[str, str]]]]
Listen = Callable[..., Awaitable[Client]]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = await SqliteStore.open(tmp_path / "agent.db")
    yield Desk(store)
    await store.aclose()


@pytest.fixture
async def listen(desk: Desk) -> AsyncIterator[Listen]:
    """Opens API listeners: a client for one with these options of `api_app`."""
    servers = []
    async with aiohttp.ClientSession() as session:

        async def opened(**options: Any) -> Client:  # noqa: ANN401 - options of api_app
            server = await serve(api_app(desk, **options), "127.0.0.1", 0)
            servers.append(server)
            return Client(session, server.port, server)

        yield opened
    for server in servers:
        await server.aclose()


@pytest.fixture
async def api(listen: Listen) -> Client:
    return await listen()


@pytest.fixture
async def operations(desk: Desk) -> AsyncIterator[Client]:
    app = operations_app(desk, ["edge.acme.example"], diagnostics=Diagnostics(lambda: desk.projects))
    server = await serve(app, "127.0.0.1", 0)
    async with aiohttp.ClientSession(headers={"X-Requested-By": "test"}) as session:
        yield Client(session, server.port)
    await server.aclose()
