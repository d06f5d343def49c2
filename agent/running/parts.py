# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the process, each given what is there before it; none of them is up yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from agent.calls.chronicle import Chronicle
from agent.calls.closer_look import CloserLook
from agent.calls.contained import Contained
from agent.calls.recovery import Recovery
from agent.calls.register import Register
from agent.calls.saves import Saves
from agent.calls.services import Services
from agent.calls.sights import Sights
from agent.calls.signal_events import SignalEvents
from agent.calls.switchboard import Switchboard
from agent.calls.synthetic import SyntheticCalls
from agent.calls.tasks import Tasks
from agent.calls.timers import Timers
from agent.configuration import Configuration
from agent.core.model import Snapshot
from agent.core.reloads import Reloads
from agent.delivery.outbound import Outbound
from agent.delivery.store import Store
from agent.http.bell import Bell
from agent.http.neighbours import Neighbours
from agent.memory import Memory
from agent.names.names import Names
from agent.renewal import Renewal
from agent.settings import Summary
from agent.sip.probes import Probes
from agent.sip.resolver import Resolver
from agent.sip.stack import Stack
from agent.telemetry.audit import Audit
from agent.telemetry.metrics import Metrics
from agent.telemetry.pulse import Pulse
from agent.telemetry.reload_history import ReloadHistory
from agent.telemetry.stories import Stories
from agent.web.session import new_session_of_nodes


class Parts:
    """All of them.

    Args:
        folder: of the configuration.
        snapshot: what was loaded from it.
        store: the record, open.
        names: looks host names up.
        applied: called after a new snapshot came into force.
    """

    def __init__(
        self,
        folder: Path,
        snapshot: Snapshot,
        store: Store,
        names: Names,
        applied: Callable[[Summary], None],
    ) -> None:
        agent = snapshot.agent
        self.store = store
        self.metrics = Metrics()
        self.reload_history = history = ReloadHistory(agent.reloads_file)
        reloads = Reloads(history.before, history.keep)
        self.configuration = Configuration(folder, snapshot, self.metrics, applied, reloads)
        self.bell, self.stories, self.register = Bell(), Stories(), Register()
        self.contained = contained = Contained(self.metrics)
        self.tasks = Tasks(lambda error: contained.took("task", error))
        self.closer = self._closer_look()
        chronicle = Chronicle(self.metrics, self.stories, self.closer.tracing)
        self.saves = Saves(store, self.tasks.run, chronicle.not_stored, chronicle.dropped)
        self.signal_events = SignalEvents(self.register, chronicle, self.bell.ring, contained)
        self.outbound = self._outbound(names)
        self.to_nodes = new_session_of_nodes(names)
        self.neighbours = Neighbours(
            self.to_nodes, lambda: self.configuration.snapshot.agent, self.metrics.node_asked
        )
        names.tell(self.metrics.name_looked_up)
        self.recovery = Recovery(store, self.outbound.courier, self.configuration.project)
        self.stack = Stack(agent, self.closer.messages.take, self.metrics.loop_lagged, contained)
        self.stories.catch_up = self.stack.look_for_messages
        self.renewal = Renewal(self.stack.renew_certificates, self.metrics)
        self.memory = Memory(lambda: bool(self.stack.legs_alive), self.stack.rest)
        resolver = Resolver(names, agent.sip.listen)
        self.probes = probes = Probes(self.stack, resolver, self.metrics, self.tasks.run)
        current = self.configuration.current
        self.synthetic = SyntheticCalls(current, self.metrics, lambda: probes.down, contained.took)
        self.services = self._services(resolver)
        self.switchboard = Switchboard(self.register, self.services, current, chronicle)
        self.audit = Audit(agent.audit_file)
        self.sights = self._sights()

    def _closer_look(self) -> CloserLook:
        return CloserLook(
            self.configuration,
            self.stories,
            self.register,
            self.metrics,
            run=self.tasks.run,
            took=self.contained.took,
        )

    def _outbound(self, names: Names) -> Outbound:
        return Outbound(
            self.store,
            self.configuration.project,
            self.configuration.projects,
            self.metrics,
            self.signal_events.take,
            names=names,
        )

    def _services(self, resolver: Resolver) -> Services:
        return Services(
            stack=self.stack,
            store=self.store,
            courier=self.outbound.courier,
            metrics=self.metrics,
            stories=self.stories,
            resolver=resolver,
            run=self.tasks.run,
            saves=self.saves,
            ring=self.bell.ring,
            timers=Timers(),
            targets_down=lambda: self.probes.down,
            contained=self.contained,
        )

    def _sights(self) -> Sights:
        return Sights(
            self.register,
            self.switchboard,
            self.configuration,
            self.metrics,
            Pulse(),
            targets_down=lambda: self.probes.down,
            pending=lambda: self.outbound.courier.pending,
            owed=lambda: self.saves.owed,
        )
