# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of the agent's process: start, take calls, reload, drain, end."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.calls.chronicle import Chronicle
from agent.calls.desks import Desks
from agent.calls.recovery import Recovery
from agent.calls.services import Services
from agent.calls.switchboard import Switchboard
from agent.configuration import Configuration
from agent.core.errors import AgentError
from agent.core.model import Snapshot
from agent.core.node import NodeState
from agent.core.reasons import Reason
from agent.delivery.courier import Courier
from agent.delivery.outbound import Outbound
from agent.delivery.retention import Keeper
from agent.delivery.store import Store
from agent.delivery.stores import open_store
from agent.http.api import api_app
from agent.http.bell import Bell
from agent.http.operations import operations_app
from agent.http.serving import Server, serve_app
from agent.settings import Changes, Mistakes, load
from agent.sip import native
from agent.sip.probes import Probes
from agent.sip.resolver import Resolver
from agent.sip.stack import Stack
from agent.telemetry import logs
from agent.telemetry.metrics import Metrics
from agent.telemetry.stories import Stories
from agent.telemetry.systemd import notify

_log = logs.logger("node")
_LOOK_SECONDS = 1.0
_FORCED_SECONDS = 5.0
_LAST_BYES_SECONDS = 2.0
_COURIER_GRACE_SECONDS = 10.0
_FORCED_GRACE_SECONDS = 1.0
_FULL_COLLECTION_EVERY = 60


async def serve(folder: Path) -> int:
    """Run the agent until a signal ends it.

    Returns:
        The exit code: 0 ended as asked, 1 the configuration is wrong, 2 could not run.
    """
    try:
        snapshot = load(folder)
    except Mistakes as mistakes:
        sys.stderr.write(f"{mistakes}\nhandoff-agent: the configuration in {folder} is wrong\n")
        return 1
    log = snapshot.agent.log
    logs.configure(log.level, log.format, log.numbers)
    node = Node(folder, snapshot)
    with node.capture_signals():
        try:
            await node.startup()
        except AgentError as error:
            await node.shutdown()
            sys.stderr.write(f"handoff-agent: {error}\n")
            return 2
        try:
            await node.main_loop()
        finally:
            await node.shutdown()
            _log.info("ended")
    return 0


class Node:
    """The process: its parts and the order in which they come up and go down."""

    def __init__(self, folder: Path, snapshot: Snapshot) -> None:
        self._loop = asyncio.get_running_loop()
        self._metrics = Metrics()
        self._stories = Stories()
        self._configuration = Configuration(folder, snapshot, self._metrics, self._applied)
        self._switchboard = Switchboard(
            self._configuration.current, Chronicle(self._metrics, self._stories), self._loop
        )
        self._stack: Stack | None = None
        self._store: Store | None = None
        self._outbound: Outbound | None = None
        self._recovery: Recovery | None = None
        self._keeper: Keeper | None = None
        self._probes: Probes | None = None
        self._servers: list[Server] = []
        self._bell = Bell()
        self._ending = asyncio.Event()
        self._forced = asyncio.Event()
        self._reload_wanted = False

    # -- signals -----------------------------------------------------------------------------------------

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGHUP, SIGTERM and SIGINT while the node runs; each only sets a flag."""
        handlers = {
            signal.SIGHUP: self._hang_up_signal,
            signal.SIGTERM: self.end,
            signal.SIGINT: self.end,
        }
        for number, handler in handlers.items():
            self._loop.add_signal_handler(number, handler)
        try:
            yield
        finally:
            for number in handlers:
                self._loop.remove_signal_handler(number)

    def _hang_up_signal(self) -> None:
        self._reload_wanted = True

    def end(self) -> None:
        """Drain, then end; asked a second time, end now."""
        if self._ending.is_set():
            _log.warning("ending now: calls that are up are told to their scripts as failed")
            self._forced.set()
        else:
            _log.info("draining: no new calls are taken, the agent ends with the last call")
            self._ending.set()

    # -- life --------------------------------------------------------------------------------------------

    async def startup(self) -> None:
        """Bring the parts up, the record first and the door last.

        Raises:
            AgentError: one of them can't be used.
        """
        settings = self._configuration.snapshot.agent
        self._store = await open_store(settings.storage, self._storage_changed, node=settings.node)
        self._outbound = Outbound(
            self._store, self._configuration, self._metrics, self._switchboard.on_signal_event
        )
        self._stack = Stack(
            settings, self._switchboard.on_sip_event, self._stories.sip, self._metrics.loop_lagged
        )
        services = self._services(self._stack, self._store, self._outbound.courier)
        self._switchboard.connect(services)
        self._stack.start(
            self._sources(), reject_strangers=self._configuration.snapshot.unknown_source == "reject"
        )
        native.set_rate(settings.limits.calls_per_second)
        self._connect_metrics(self._stack, self._store, self._outbound)
        await self._recover(self._store, self._outbound.courier)
        await self._outbound.warm_up()
        await self._listen(services, self._outbound)
        gc.collect()
        gc.freeze()
        gc.disable()
        if self._probes is not None:
            self._probes.follow(self._configuration.snapshot)
        self._switchboard.open()
        notify(READY="1", STATUS="ready")
        listening = [str(one) for one in settings.sip.listen]
        _log.info("ready", node=settings.node, sip=listening, api=str(settings.http.api))

    async def main_loop(self) -> None:
        """Look after the node once a second until it is to end and the last call is over."""
        looks = 0
        while not self._ending.is_set():
            await self._look(looks)
            looks += 1
            await _wait(self._ending, _LOOK_SECONDS)
        self._switchboard.drain()
        notify(STOPPING="1", STATUS="draining")
        idle = asyncio.ensure_future(self._switchboard.idle())
        forced = asyncio.ensure_future(self._forced.wait())
        while not idle.done() and not forced.done():
            await self._look(looks)
            looks += 1
            await asyncio.wait((idle, forced), timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not idle.done():
            self._switchboard.end_all(Reason.SHUTDOWN)
            await asyncio.wait((idle,), timeout=_FORCED_SECONDS)
        for waiting in (idle, forced):
            waiting.cancel()

    async def shutdown(self) -> None:
        """Take the parts down in the opposite order; what was not sent stays recorded for the next start."""
        for server in self._servers:
            await server.aclose()
        await self._end_calls()
        for work in (self._keeper, self._recovery):
            if work is not None:
                await work.aclose()
        if self._outbound is not None:
            grace = _FORCED_GRACE_SECONDS if self._forced.is_set() else _COURIER_GRACE_SECONDS
            await self._outbound.aclose(grace)
        if self._stack is not None:
            self._stack.close()
        if self._store is not None:
            await self._store.aclose()

    # -- parts of it -------------------------------------------------------------------------------------

    async def _look(self, looks: int) -> None:
        status = self._switchboard.refresh()
        notify(WATCHDOG="1", STATUS=status.reason)
        self._switchboard.save_late()
        if self._recovery is not None:
            self._recovery.look()
        # Young objects each second, all of them each minute: both at a moment when no native call is on
        # the stack, and on this thread only.
        gc.collect(2 if looks % _FULL_COLLECTION_EVERY == _FULL_COLLECTION_EVERY - 1 else 1)
        if self._reload_wanted or self._configuration.edited():
            self._reload_wanted = False
            self._switchboard.run(self._reload())

    def _services(self, stack: Stack, store: Store, courier: Courier) -> Services:
        """What calls may ask of all this."""
        resolver = Resolver()
        probes = self._probes = Probes(stack, resolver, self._metrics, self._switchboard.run)
        return Services(
            stack=stack,
            store=store,
            courier=courier,
            metrics=self._metrics,
            stories=self._stories,
            resolver=resolver,
            run=self._switchboard.run,
            adopt=self._switchboard.adopt,
            save=self._switchboard.save,
            ring=self._bell.ring,
            targets_down=lambda: probes.down,
        )

    async def _reload(self) -> None:
        await self._configuration.reload()

    async def _listen(self, services: Services, outbound: Outbound) -> None:
        http = self._configuration.snapshot.agent.http
        desks = Desks(self._switchboard, self._configuration, services, outbound.alarms, self._bell)
        api = api_app(desks, origins=http.origins, count=self._metrics.api_answered)
        self._servers.append(await serve_app(api, http.api, http.tls))
        self._servers.append(await serve_app(operations_app(desks), http.operations))

    async def _recover(self, store: Store, courier: Courier) -> None:
        self._recovery = Recovery(store, courier, self._configuration.project)
        lost = await self._recovery.take_over()
        if lost:
            _log.warning("calls of an earlier process were told as failed", calls=lost)
        self._keeper = Keeper(store, lambda: self._configuration.snapshot.agent.retention)

    def _connect_metrics(self, stack: Stack, store: Store, outbound: Outbound) -> None:
        metrics, courier = self._metrics, outbound.courier
        metrics.set_node_state_reader(lambda: self._switchboard.status.state.value, NodeState)
        metrics.set_guard_reader(native.invites_refused)
        metrics.set_storage_fault_reader(lambda: store.fault)
        metrics.set_credential_alarm_reader(outbound.alarmed)
        metrics.set_pending_reader(lambda: courier.pending)
        metrics.set_outbox_reader(lambda: courier.pending_by_channel)
        metrics.set_task_reader(lambda: len(asyncio.all_tasks(self._loop)))
        metrics.set_native_readers(lambda: stack.legs_alive, stack.native_calls)

    def _applied(self, difference: Changes) -> None:
        snapshot = self._configuration.snapshot
        if self._stack is not None and (
            difference.carriers != type(difference.carriers)() or difference.unknown_source
        ):
            self._stack.set_sources(self._sources(), reject_strangers=snapshot.unknown_source == "reject")
        native.set_rate(snapshot.agent.limits.calls_per_second)
        log = snapshot.agent.log
        logs.configure(log.level, log.format, log.numbers)
        if self._outbound is not None:
            self._outbound.applied()
        if self._probes is not None:
            self._probes.follow(snapshot)
        self._switchboard.refresh()

    def _storage_changed(self, fault: str | None) -> None:
        if fault is None:
            _log.info("records can be made durable again")
        else:
            _log.error("records can't be made durable: new calls are refused", fault=fault)
        if self._stack is not None:
            self._switchboard.refresh()

    def _sources(self) -> str:
        carriers = self._configuration.snapshot.carriers.values()
        return " ".join(str(network) for carrier in carriers for network in carrier.sources)

    async def _end_calls(self) -> None:
        """Let the last transactions and records end: no peer is left to find out by itself."""
        if self._probes is not None:
            self._probes.end()
        if self._stack is None:
            return
        stack, until = self._stack, self._loop.time() + _LAST_BYES_SECONDS
        while stack.native_calls() and self._loop.time() < until:
            await asyncio.sleep(0.02)
        self._switchboard.save_late()
        await self._switchboard.settle()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
