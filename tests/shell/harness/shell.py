# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell of calls with fakes at its seams: a stack without SIP, a store that fails, a NICE that is played.

Everything between them is real: switchboard, calls, clocks, courier, the HTTP desk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from agent.calls.chronicle import Chronicle
from agent.calls.contained import Contained
from agent.calls.desks import Desks
from agent.calls.live_call import LiveCall
from agent.calls.register import Register
from agent.calls.saves import Saves
from agent.calls.services import Services
from agent.calls.signal_events import SignalEvents
from agent.calls.switchboard import Switchboard
from agent.calls.tasks import Tasks
from agent.calls.timers import Timers
from agent.configuration import Configuration
from agent.core.model import Project, Snapshot
from agent.core.records import Channel
from agent.delivery.courier import Courier
from agent.delivery.sqlite import SqliteStore
from agent.http.bell import Bell
from agent.http.models import HandoffRequest
from agent.http.overview import Overview
from agent.http.ports import HandoffOutcome
from agent.names.names import Names
from agent.sip import events as sip
from agent.sip.resolver import Resolver
from agent.telemetry.metrics import Metrics
from agent.telemetry.stories import Stories
from tests.core.examples import CONTACT, invite, snapshot
from tests.harness.names import Told
from tests.shell.harness.clock import Clock
from tests.shell.harness.nice import Nice
from tests.shell.harness.sip import FakeLeg, FakeStack
from tests.shell.harness.storage import FaultyStore


class Collected(Contained):
    """Keeps what was contained."""

    def __init__(self, metrics: Metrics, errors: list[BaseException]) -> None:
        super().__init__(metrics)
        self._errors = errors

    def took(self, where: str, error: BaseException, *, call_id: str = "", project: str = "") -> None:
        """Keep it too."""
        super().took(where, error, call_id=call_id, project=project)
        self._errors.append(error)


class Shell:
    """One node's calls.

    Attributes:
        names: what name servers say.
        asked: what the handoffs asked for by HTTP became, or are becoming.
        admitted: every call that came up, in order.
        broke: errors that were contained, those of work that nobody awaits among them.
        escaped: errors that reached the loop's own handler.
        not_stored: calls' states that could not be stored at their time.
    """

    def __init__(self, snapshot: Snapshot, store: FaultyStore, clock: Clock, folder: Path) -> None:
        self.snapshot = snapshot
        self.store = store
        self.clock = clock
        self.stack = FakeStack()
        self.nice = Nice()
        self.names = Told()
        self.down: frozenset[str] = frozenset()
        self.asked: list[asyncio.Task[HandoffOutcome]] = []
        self.admitted: list[LiveCall] = []
        self.broke: list[BaseException] = []
        self.escaped: list[dict[str, Any]] = []
        self.not_stored: list[str] = []
        self.metrics, self.stories, self.bell = Metrics(), Stories(), Bell()
        self.register = Register()
        self.chronicle = Chronicle(self.metrics, self.stories)
        self.contained = Collected(self.metrics, self.broke)
        self.tasks = Tasks(lambda error: self.contained.took("task", error))
        self.saves = Saves(
            store.as_store,
            self.tasks.run,
            lambda call, _: self.not_stored.append(call.state),
            self.chronicle.dropped,
        )
        self.signal_events = SignalEvents(self.register, self.chronicle, self.bell.ring, self.contained)
        configuration = Configuration(folder, snapshot, self.metrics, lambda _: None)
        self.courier = Courier(
            store.as_store,
            self.nice,
            configuration.project,
            self.signal_events.take,
            clock=clock.wall,
            chance=float,
            posters={Channel.WEBHOOK: self.nice},
        )
        self.services = Services(
            stack=self.stack,
            store=store.as_store,
            courier=self.courier,
            metrics=self.metrics,
            stories=self.stories,
            resolver=Resolver(Names(source=self.names), snapshot.agent.sip.listen, chance=float),
            run=self.tasks.run,
            saves=self.saves,
            ring=self.bell.ring,
            timers=Timers(),
            targets_down=lambda: self.down,
            contained=self.contained,
        )
        self.switchboard = Switchboard(self.register, self.services, configuration.current, self.chronicle)
        self.stack.report = self._report
        self.desks = Desks(
            self.register,
            self.switchboard,
            configuration,
            self.services,
            alarms=dict,
            signal_events=self.signal_events.take,
            bell=self.bell,
            overview=lambda: Overview("edge-1", "ready", ready=True, reason="ready"),
        )

    # -- who is there --------------------------------------------------------------------------------------

    @property
    def verbs(self) -> list[str]:
        """What calls asked of the stack, in order; how often a leg is measured is a matter of time."""
        return [
            verb for verb in self.stack.verbs.trail if verb != "stack.apply" and not verb.endswith(".measure")
        ]

    @property
    def call(self) -> LiveCall:
        """The one call that is up."""
        (call,) = self.register.calls()
        return call

    def leg(self, role: str) -> FakeLeg:
        """The newest leg of this role."""
        leg = self.stack.of(role)
        assert leg is not None, f"there is no leg of the {role}"
        return leg

    def _report(self, event: sip.StackEvent) -> None:
        try:
            self.switchboard.on_sip_event(event)
        finally:
            if isinstance(event, sip.IncomingCall) and (call := self.register.by_leg(event.leg)) is not None:
                self.admitted.append(call)

    # -- what time and the far ends do ---------------------------------------------------------------------

    def arrives(self, *headers: str) -> FakeLeg:
        """A caller comes."""
        came = invite(*headers)
        return self.stack.invite(came.source, came.message)

    def hands_off(self, **said: Any) -> asyncio.Task[HandoffOutcome]:  # noqa: ANN401 - what JSON holds
        """The voice agent asks by HTTP."""
        request = HandoffRequest.model_validate({"contact_id": CONTACT, "destination": "sales", **said})
        asking = asyncio.ensure_future(self.desks.hand_off("acme", "care", request, 0))
        self.asked.append(asking)
        return asking

    async def settled(self) -> None:
        """Wait until nothing goes on any more but what waits for a clock, a far end or a hanging storage."""
        loop: Any = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(0)
            if self.store.commits_at > self.clock.now():
                self.clock.push_to(self.store.commits_at)
            elif self.store.busy:
                await self.store.rested()
            elif not loop._ready:
                return

    async def passes(self, seconds: int) -> None:
        """Let time pass; once a second the node looks after its calls, as the real one does."""
        for _ in range(seconds):
            self.clock.push(1.0)
            await self.settled()
            self.switchboard.refresh()
            self.saves.save_late()
            await self.settled()

    async def looks(self, count: int) -> None:
        """Let so much of a second pass that all that is looked at frame by frame is looked at so often."""
        for _ in range(count):
            self.clock.push(0.05)
            await self.settled()


class NodeOf(Protocol):
    """Opens a node that takes calls of a project."""

    def __call__(self, project: Project, *, calls: int = 1000) -> AbstractAsyncContextManager[Shell]:
        """Until the context ends; it takes so many calls."""


@asynccontextmanager
async def shell(
    project: Project, storage: Path, monkeypatch: pytest.MonkeyPatch, *, calls: int = 1000
) -> AsyncIterator[Shell]:
    """A node that takes so many calls, of this project."""
    known = snapshot(project)
    limits = known.agent.limits.model_copy(update={"calls": calls})
    agent = known.agent.model_copy(update={"limits": limits})
    real = await SqliteStore.open(storage)
    made = Shell(
        replace(known, agent=agent), FaultyStore(real), Clock(monkeypatch), storage.parent / "nothing"
    )
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: made.escaped.append(context))
    made.switchboard.open()
    try:
        yield made
    finally:
        made.store.release()
        for asking in made.asked:
            asking.cancel()
        closing = asyncio.ensure_future(made.courier.aclose(0))
        while not closing.done():
            await made.settled()
        loop.set_exception_handler(None)
        for call in made.register.calls():  # a test that failed leaves one
            call._actions._watch.end()
            for timer in tuple(call._actions._clocks._running):
                call._actions._clocks.stop(timer)
        await real.aclose()
