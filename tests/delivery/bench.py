# SPDX-License-Identifier: GPL-3.0-or-later
"""A courier under test: a real store that refuses what a test wants, a far end that answers by script."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from agent.core.errors import StorageError
from agent.core.model.project import Project
from agent.core.moments import Moment, SignalState
from agent.core.outcomes import Answer, Outcome
from agent.core.records import Channel, Signal
from agent.delivery.courier import ASIDE_HELD, IN_FLIGHT, Courier, Sender, SignalEvent
from agent.delivery.sqlite import SqliteStore
from tests.delivery.receiver import SECRET

ACCEPTED = Answer(Outcome.ACCEPTED, 202, "")
BUSY = Answer(Outcome.UNAVAILABLE, 503, "busy")
NOT_SENT = Answer(Outcome.NOT_SENT, None, "could not connect")


def configured(
    name: str = "acme-care", *, repeat_unknown: bool = False, url: str = "http://127.0.0.1:9/"
) -> Project:
    tenant = {
        "issuer": "http://127.0.0.1:1",
        "business_unit": "1",
        "client_id": "c",
        "client_secret": "s",
        "access_key_id": "a",
        "access_key_secret": "s",
        "transcripts": {"vendor_id": "v", "virtual_agent_id": "b"},
    }
    return Project.model_validate(
        {
            "project": name,
            "account": "acme",
            "voice_agent": {"targets": [{"uri": "sip:bot@127.0.0.1:5070"}]},
            "cxone": tenant,
            "webhook": {"url": url, "secret": SECRET, "timeout": "200ms"},
            "repeat_unknown": repeat_unknown,
        }
    )


@dataclass
class Request:
    """A request that is under way; it is answered when the test says what. ``text`` is p1, or the body."""

    project: str
    contact_id: str
    text: str
    answer: asyncio.Future[Answer] = field(default_factory=asyncio.Future)


@dataclass
class Scripted:
    """NICE, or a customer's system: answers from `script`; when that is empty requests wait in `requests`."""

    script: list[Answer] = field(default_factory=list)
    requests: asyncio.Queue[Request] = field(default_factory=asyncio.Queue)
    sent: list[tuple[str, str]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    before: Callable[[], Awaitable[None]] | None = None
    warm: bool = False
    again: list[bool] = field(default_factory=list)

    def can_send_now(self, _project: Project) -> bool:
        """As the test says."""
        return self.warm

    async def signal(
        self,
        project: Project,
        contact_id: str,
        parameters: Mapping[str, str],
        *,
        before_send: Callable[[], Awaitable[None]] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - part of the seam
        again: bool = False,
    ) -> Answer:
        """Be asked for a signal."""
        self.again.append(again)
        assert before_send is not None
        assert timeout is not None
        assert 0 < timeout <= 10
        return await self._exchange(
            Request(project.project, contact_id, parameters.get("p1", "")), before_send
        )

    async def post(
        self,
        project: Project,
        body: str,
        *,
        before_send: Callable[[], Awaitable[None]],
        timeout: float,  # noqa: ASYNC109 - part of the seam
    ) -> Answer:
        """Be asked to post."""
        assert timeout > 0
        return await self._exchange(Request(project.project, "", body), before_send)

    async def _exchange(self, request: Request, before_send: Callable[[], Awaitable[None]]) -> Answer:
        if self.before is not None:
            await self.before()
        if self.script and self.script[0].outcome in (Outcome.NOT_SENT, Outcome.BREAKER_OPEN):
            return self.script.pop(0)
        await before_send()
        self.sent.append((request.contact_id, request.text))
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            if self.script:
                return self.script.pop(0)
            await self.requests.put(request)
            return await request.answer
        finally:
            self.at_once -= 1


class FaultyStore:
    """The real store, which refuses calls as the test says, and counts them.

    Attributes:
        refuses: asked with the name of a method and the number of this call of it, from 1.
        refused: set when one was.
        accepted: set when ``accepted`` was written.
        calls: how often each method was called.
        asked: the ids of the entries that were read.
    """

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.refuses: Callable[[str, int], bool] = lambda _method, _ordinal: False
        self.refused = asyncio.Event()
        self.accepted = asyncio.Event()
        self.calls: Counter[str] = Counter()
        self.asked: list[str] = []

    @property
    def faulty(self) -> bool:
        """Whether every write is refused."""
        return self.refuses("update_signal", 0)

    @faulty.setter
    def faulty(self, faulty: bool) -> None:
        self.refuses = lambda method, _: faulty and method == "update_signal"

    async def update_signal(self, signal_id: str, state: SignalState, *more: Any) -> bool:  # noqa: ANN401
        """Write, unless refused."""
        self._called("update_signal")
        moved = await self._store.update_signal(signal_id, state, *more)
        if state is SignalState.ACCEPTED:
            self.accepted.set()
        return moved

    async def signal(self, signal_id: str) -> Signal | None:
        """Read, unless refused."""
        self.asked.append(signal_id)
        self._called("signal")
        return await self._store.signal(signal_id)

    def _called(self, method: str) -> None:
        self.calls[method] += 1
        if self.refuses(method, self.calls[method]):
            self.refused.set()
            raise StorageError("disk full")


class Bench:
    """A courier, its store, and what was told."""

    def __init__(self, store: SqliteStore, posters: Mapping[Channel, Any] | None = None) -> None:
        self.store = store
        self.storage = FaultyStore(store)
        self.cxone, self.webhooks, self.transcripts = Scripted(), Scripted(), Scripted()
        self.posters = posters or {Channel.WEBHOOK: self.webhooks, Channel.TRANSCRIPT: self.transcripts}
        self.projects = {name: configured(name) for name in ("acme-care", "acme-sales")}
        self.events: list[SignalEvent] = []
        self.told = asyncio.Event()
        self.now = 1000.0
        self.numbers = count(1)
        self.courier = self.new()

    def new(
        self,
        *,
        cxone: Sender | None = None,
        on_event: Callable[[SignalEvent], None] | None = None,
        in_flight: int = IN_FLIGHT,
        held: int = ASIDE_HELD,
    ) -> Courier:
        """A courier, as another process would have it."""
        return Courier(
            self.storage,
            cxone or self.cxone,
            lambda _, name: self.projects.get(name),
            on_event or self.take,
            clock=lambda: self.now,
            chance=float,
            in_flight=in_flight,
            posters=self.posters,
            held=held,
        )

    def take(self, event: SignalEvent) -> None:
        """Be told."""
        self.events.append(event)
        self.told.set()

    async def record(self, *signals: Signal) -> None:
        """Record signals and begin them."""
        for signal in signals:
            assert await self.store.record_signal(signal)
            self.courier.begin(signal)

    async def recorded(self, channel: Channel, project: str = "acme-care", **changes: Any) -> Signal:  # noqa: ANN401
        """An entry on disk."""
        number = next(self.numbers)
        contact_id = f"{number}" if channel is Channel.TRANSCRIPT else "4711"
        body = {"body": json.dumps({"id": f"h-{number}"})}
        entry = Signal(
            *(f"e-{number}", f"call-{number}", "acme", project, contact_id, Moment.HANDOFF, body),
            recorded=1000.0,
            expires=90_000.0,
            channel=channel,
        )
        entry = replace(entry, **changes)
        assert await self.store.record_signal(entry)
        return entry

    async def begun(self, channel: Channel, project: str = "acme-care", **changes: Any) -> Signal:  # noqa: ANN401
        """An entry on disk and in the courier's hands."""
        entry = await self.recorded(channel, project, **changes)
        self.courier.begin(entry)
        return entry

    async def reached(self, signal: Signal, state: SignalState) -> SignalEvent:
        """Wait until an entry was told to be in a state."""
        while True:
            for event in self.events:
                if event.signal.signal_id == signal.signal_id and event.signal.state is state:
                    return event
            self.told.clear()
            await self.told.wait()

    def states(self, signal: Signal) -> list[str]:
        """The states of an entry that were told, in order."""
        return [
            event.signal.state.value for event in self.events if event.signal.signal_id == signal.signal_id
        ]

    async def on_disk(self, signal: Signal) -> SignalState:
        """Its state on disk."""
        found = await self.store.signal(signal.signal_id)
        assert found is not None
        return found.state
