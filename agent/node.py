# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of the agent's process: start, take calls, reload, drain, end."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

from agent.calls.chronicle import Chronicle
from agent.calls.closer_look import CloserLook
from agent.calls.contained import Contained
from agent.calls.desks import Desks
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
from agent.configuration import Configuration, Reloaded
from agent.core.errors import AgentError, StorageError
from agent.core.model import Snapshot
from agent.core.model.node import Http
from agent.core.node import NodeState
from agent.core.reasons import Reason
from agent.core.reloads import Cause, Reloads
from agent.delivery.outbound import Outbound
from agent.delivery.record_files.writer import RecordWriter
from agent.delivery.retention import Keeper
from agent.delivery.store import Store
from agent.delivery.stores import open_store
from agent.http.access import Access
from agent.http.api import api_app
from agent.http.bell import Bell
from agent.http.listener import ConnectionLimits
from agent.http.operations import operations_app
from agent.http.serving import serve_app
from agent.memory import Memory
from agent.names.loop import NamesLoop
from agent.names.names import Names
from agent.process import ENDED_BY_FORCE, LONGEST_END_SECONDS, Asked, Ending, descriptors, done_before
from agent.renewal import Renewal
from agent.settings import Mistakes, Summary, load_in_child
from agent.sip import guard
from agent.sip.probes import Probes
from agent.sip.resolver import Resolver
from agent.sip.stack import Stack
from agent.telemetry import logs
from agent.telemetry.audit import Audit, of_reload
from agent.telemetry.capacity import room_of
from agent.telemetry.log_file import require_writable
from agent.telemetry.metrics import Metrics
from agent.telemetry.pulse import Pulse
from agent.telemetry.reload_history import ReloadHistory
from agent.telemetry.stories import Stories
from agent.telemetry.systemd import notify

_log = logs.logger("node")
_LOOK_SECONDS = 1.0
_FORCED_SECONDS = 2.0
_UNRECORDED_SECONDS = 120.0
"""For which an end waits for a storage that fails: as long as a signal is of use (the usual `signal_ttl`)."""
_LAST_BYES_SECONDS = 2.0
_COURIER_GRACE_SECONDS = 10.0
_FORCED_GRACE_SECONDS = 0.6


async def serve(folder: Path, *, for_good: bool = False) -> int:
    """Run the agent until a signal ends it.

    Args:
        folder: of the configuration.
        for_good: whether the process ends with it; see `Asked.capture_signals`.

    Returns:
        The exit code: 0 ended as asked, 1 the configuration is wrong, 2 could not run, 3 a part hung
        and was left behind.
    """
    asked = Asked()
    logs.configure()
    with logs.in_background(), asked.capture_signals(for_good=for_good):
        code, said = await _life(folder, asked)
        asked.last_resort.code = code
    if said:
        logs.say(said)
    return code


async def _life(folder: Path, asked: Asked) -> tuple[int, str]:
    """The exit code, and what is to be said of it in plain words."""
    ending = Ending(asked)
    try:
        snapshot = await _read(folder, asked)
        if snapshot is not None:
            log = snapshot.agent.log
            if log.file is not None:
                require_writable(log.file)
            logs.configure(log.level, log.format, log.numbers, log.file)
            async with AsyncExitStack() as closing:
                await _run(folder, snapshot, ending, closing)
    except Mistakes as mistakes:
        return 1, f"{mistakes}\nhandoff-agent: the configuration in {folder} is wrong\n"
    except AgentError as error:
        return 2, f"handoff-agent: {error}\n"
    if ending.left_behind:
        _log.error("ended by force: something hung", steps=ending.left_behind)
        return ENDED_BY_FORCE, ""
    _log.info("ended")
    return 0, ""


async def _read(folder: Path, asked: Asked) -> Snapshot | None:
    """The configuration; None when the process is to end before it is read."""
    found: list[Snapshot] = []

    async def read() -> None:
        found.append((await load_in_child(folder)).snapshot)

    return found[0] if await done_before(asked.end, read()) else None


async def _run(folder: Path, snapshot: Snapshot, ending: Ending, closing: AsyncExitStack) -> None:
    node: Node | None = None

    def storage_changed(fault: str | None) -> None:
        if fault is None:
            _log.info("records can be made durable again")
        else:
            _log.error("records can't be made durable: new calls are refused", fault=fault)
        if node is not None:
            node.refresh()

    def storage_broke(error: Exception) -> None:
        if node is not None:
            node.took("storage", error)
        else:
            _log.error("the storage broke", exc_info=error)

    settings = snapshot.agent
    names = Names(settings.dns.servers)
    ending.add(closing, "names", names.aclose, usual=2.0, forced=0.1)
    loop = asyncio.get_running_loop()
    if isinstance(loop, NamesLoop):
        loop.names = names
    opened: list[Store] = []

    async def open_record() -> None:
        store = await open_store(settings.storage, storage_changed, storage_broke, node=settings.node)
        ending.add(closing, "storage", store.aclose, usual=5.0, forced=0.4)
        opened.append(store)

    if not await done_before(ending.asked.end, open_record()):
        return
    node = Node(folder, snapshot, opened[0], names, ending)
    await node.startup(closing)
    await node.main_loop()
    ending.asked.last_resort.within(LONGEST_END_SECONDS)


class Node:
    """The process: its parts, each given what is there before it.

    They come up in the order of `startup`, the record first and the door last, and go down in the opposite
    one; what was not sent stays recorded for the next start.

    Args:
        folder: of the configuration.
        snapshot: what was loaded from it.
        store: the record, open.
        names: looks host names up.
        ending: takes parts down, each in its time; knows what signals ask for.
    """

    def __init__(self, folder: Path, snapshot: Snapshot, store: Store, names: Names, ending: Ending) -> None:
        self._loop = asyncio.get_running_loop()
        self._asked = ending.asked
        self._ending = ending
        self._down = False
        self._store = store
        self._metrics = Metrics()
        self._history = history = ReloadHistory(snapshot.agent.reloads_file)
        self._configuration = Configuration(
            folder, snapshot, self._metrics, self._applied, Reloads(history.before, history.keep)
        )
        self._bell = Bell()
        self._stories = Stories()
        self._register = Register()
        self._contained = contained = Contained(self._metrics)
        self._tasks = Tasks(lambda error: contained.took("task", error))
        self._closer = CloserLook(
            self._configuration,
            self._stories,
            self._register,
            self._metrics,
            run=self._tasks.run,
            took=contained.took,
        )
        chronicle = Chronicle(self._metrics, self._stories, self._closer.tracing)
        self._reloads = Tasks(lambda error: contained.took("reload", error))
        self._saves = Saves(store, self._tasks.run, chronicle.not_stored, chronicle.dropped)
        self._signal_events = SignalEvents(self._register, chronicle, self._bell.ring, contained)
        self._outbound = Outbound(
            store,
            self._configuration.project,
            self._configuration.projects,
            self._metrics,
            self._signal_events.take,
            names=names,
        )
        names.tell(self._metrics.name_looked_up)
        self._recovery = Recovery(store, self._outbound.courier, self._configuration.project)
        self._resolver = resolver = Resolver(names, snapshot.agent.sip.listen)
        self._stack = Stack(
            snapshot.agent, self._closer.messages.take, self._metrics.loop_lagged, contained.took
        )
        self._stories.catch_up = self._stack.look_for_messages
        self._renewal = Renewal(self._stack.renew_certificates, self._metrics)
        self._memory = Memory(lambda: bool(self._stack.legs_alive), self._stack.rest)
        self._probes = Probes(self._stack, resolver, self._metrics, self._tasks.run)
        self._synthetic = SyntheticCalls(
            self._configuration.current, self._metrics, lambda: self._probes.down, contained.took
        )
        self._services = self._shared_by_calls(resolver)
        self._switchboard = Switchboard(
            self._register, self._services, self._configuration.current, chronicle
        )
        self._audit = Audit(snapshot.agent.audit_file)
        self._sights = Sights(
            self._register,
            self._switchboard,
            self._configuration,
            self._metrics,
            Pulse(),
            targets_down=lambda: self._probes.down,
            pending=lambda: self._outbound.courier.pending,
            owed=lambda: self._saves.owed,
        )

    def _shared_by_calls(self, resolver: Resolver) -> Services:
        return Services(
            stack=self._stack,
            store=self._store,
            courier=self._outbound.courier,
            metrics=self._metrics,
            stories=self._stories,
            resolver=resolver,
            run=self._tasks.run,
            saves=self._saves,
            ring=self._bell.ring,
            timers=Timers(),
            targets_down=lambda: self._probes.down,
            contained=self._contained,
        )

    # -- life --------------------------------------------------------------------------------------------

    async def startup(self, closing: AsyncExitStack) -> None:
        """Bring the parts up.

        Args:
            closing: is given what takes each of them down again, also when the start fails half-way.

        Raises:
            AgentError: one of them can't be used.
        """
        settings = self._configuration.snapshot.agent
        add = partial(self._ending.add, closing)
        self._file_records(closing)
        add("SIP", self._end_sip, usual=10.0, forced=0.5)
        add("captures and traces", self._closer.aclose, usual=6.0, forced=0.3)
        add("deliveries", self._end_deliveries, usual=_COURIER_GRACE_SECONDS + 2.0, forced=1.0)
        add("recovery", self._recovery.aclose, usual=2.0, forced=0.1)
        add("records of calls", self._end_records, usual=5.0, forced=0.4)
        add("audit log", self._end_journals, usual=2.0, forced=0.2)
        add("last BYEs", self._end_calls, usual=_LAST_BYES_SECONDS + 1.0, forced=0.2)
        add("reload", self._end_reloads, usual=2.0, forced=0.2)
        self._loop.set_exception_handler(self._escaped)
        closing.callback(self._loop.set_exception_handler, None)
        self._stack.start(self._switchboard.on_sip_event, guard.Doors.of(self._configuration.snapshot))
        self._prepare_comfort()
        self._connect_metrics()
        self._renewal.tell(self._configuration.snapshot)
        keeper = Keeper(self._store, lambda: self._configuration.snapshot.agent.retention, self.took)
        add("retention", keeper.aclose, usual=2.0, forced=0.1)
        await self._outbound.warm_up()
        await self._listen(closing)
        self._closer.follow(settings)
        self._memory.settle()
        self._probes.follow(self._configuration.snapshot)
        self._synthetic.follow(self._configuration.snapshot)
        add("test calls", self._synthetic.aclose, usual=2.0, forced=0.2)
        self._switchboard.open()
        self._recovery.look()  # what a dead process left: new calls are taken meanwhile
        notify(READY="1", STATUS="ready")
        listening = [str(one) for one in settings.sip.listen]
        _log.info("ready", node=settings.node, sip=listening, api=str(settings.http.api))

    def _file_records(self, closing: AsyncExitStack) -> None:
        """Write records of calls to files, until the last part is down that may end a call."""
        settings, store = self._configuration.snapshot.agent, self._store
        if settings.records is None:
            self._tasks.run(self._file_no_records())
            return
        writer = RecordWriter(store, settings.records, settings.node, self._metrics, self.took)
        self._ending.add(closing, "record files", writer.aclose, usual=5.0, forced=0.4)

    async def _file_no_records(self) -> None:
        """Let old calls go though they are in no file; a storage that fails is asked by the next start."""
        with suppress(StorageError):
            await self._store.note_filed(None)

    async def main_loop(self) -> None:
        """Look after the node once a second until it is to end and the last call is over."""
        while not self._asked.end.is_set():
            await self._look()
            await _wait(self._asked.end, _LOOK_SECONDS)
        self._switchboard.drain(for_good=True)
        self._audit.record("drain", who="a signal", origin="SIGTERM", outcome="for good")
        notify(STOPPING="1", STATUS="draining")
        over = asyncio.ensure_future(self._all_recorded())
        forced = asyncio.ensure_future(self._asked.end_now.wait())
        while not over.done() and not forced.done():
            await self._look()
            await asyncio.wait((over, forced), timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for waiting in (over, forced):
            waiting.cancel()
        if len(self._register):
            self._switchboard.end_all(Reason.SHUTDOWN)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._register.idle(), _FORCED_SECONDS)

    async def _all_recorded(self) -> None:
        """Wait until the last call is over, and then for its record; but for that not for ever."""
        await self._register.idle()
        if self._saves.owed and (fault := self._store.fault) is not None:
            _log.warning(
                "the end waits for the storage: moments of calls are not recorded yet",
                moments=self._saves.owed,
                fault=fault,
                at_most_seconds=_UNRECORDED_SECONDS,
            )
        with suppress(TimeoutError):
            await asyncio.wait_for(self._saves.idle(), _UNRECORDED_SECONDS)

    def refresh(self) -> None:
        """Judge the node's state anew, now that the storage has changed; what waits for it is stored."""
        self._switchboard.refresh()
        self._saves.save_late()

    def took(self, where: str, error: Exception) -> None:
        """An error was contained in what is no call's: counted, logged, and part of the node's state."""
        self._contained.took(where, error)

    def _escaped(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An error of a timer or a task reached the loop itself: it ends nothing, and is counted."""
        error = context.get("exception")
        if error is None:
            loop.default_exception_handler(context)
        else:
            self._contained.took("loop", error)

    # -- parts of it -------------------------------------------------------------------------------------

    async def _look(self) -> None:
        """Look after the node; nothing that goes wrong in one part ends another, or the next look."""
        contain = self._contained.run
        contain("look", self._tell_systemd)
        contain("look", self._saves.save_late)
        contain("look", self._recovery.look)
        contain("look", self._memory.look)
        contain("look", logs.levels_look)
        contain("look", self._sights.look)
        contain("look", self._closer.look, self._waits)
        contain("look", self._reload_if_asked)

    def _waits(self, call_id: str) -> bool:
        """Whether a signal of a call is still on its way."""
        return self._outbound.courier.waits(call_id)

    def _tell_systemd(self) -> None:
        status = self._switchboard.refresh()
        notify(WATCHDOG="1", STATUS=status.reason)

    def _reload_if_asked(self) -> None:
        if self._asked.reload:
            self._asked.reload = False
            self._reloads.run(self._reload())
        else:
            self._reloads.run(self._look_for_edits())

    async def _reload(self) -> None:
        cause = Cause("signal", origin="SIGHUP")
        self._tell_reload(await self._configuration.reload(cause=cause), "a signal", "SIGHUP")

    async def _look_for_edits(self) -> None:
        done = await self._configuration.look()
        if done is not None and done.result != "unchanged":
            self._tell_reload(done, "an edit", "file")

    def _tell_reload(self, done: Reloaded, who: str, origin: str) -> None:
        outcome = of_reload(done.result, done.mistakes, done.changes)
        self._audit.record("reload", who=who, origin=origin, outcome=outcome)

    async def _listen(self, closing: AsyncExitStack) -> None:
        http = self._configuration.snapshot.agent.http
        desks = Desks(
            self._register,
            self._switchboard,
            self._configuration,
            self._services,
            alarms=self._outbound.alarms,
            signal_events=self._signal_events.take,
            bell=self._bell,
            overview=self._sights.overview,
        )
        api = api_app(desks, origins=http.origins, count=self._metrics.api_answered)
        shares = descriptors(self._configuration.snapshot.agent)
        room = ConnectionLimits(shares.api, min(shares.api, http.connections_per_address))
        access = Access(
            lambda: self._configuration.snapshot.agent.http.operations_auth,
            refused=self._metrics.log_in_refused,
        )
        operations = operations_app(
            desks, _names(http), access=access, audit=self._audit, diagnostics=self._closer.diagnostics
        )
        of_operations = ConnectionLimits(shares.operations, max(shares.operations // 2, 1))
        for name, app, address, tls, share in (
            ("api", api, http.api, http.tls, room),
            ("operations", operations, http.operations, None, of_operations),
        ):
            shed = partial(self._metrics.http_shed, name)
            server = await serve_app(app, address, tls, room=share, shed=shed)
            if name == "api":
                self._renewal.serves(server)
            self._ending.add(closing, f"HTTP {name}", server.aclose, usual=5.0, forced=0.2)

    def _connect_metrics(self) -> None:
        metrics, courier, stack, store = self._metrics, self._outbound.courier, self._stack, self._store
        metrics.set_node_state_reader(lambda: self._switchboard.status.state.value, NodeState)
        metrics.set_guard_reader(guard.invites_refused)
        metrics.set_names_reader(guard.names_refused)
        metrics.set_storage_fault_reader(lambda: store.fault)
        metrics.set_room_reader(lambda: room_of(self._configuration.snapshot, stack.legs_alive))
        metrics.set_oldest_reader(lambda: courier.oldest_seconds)
        metrics.set_owed_reader(lambda: self._saves.owed)
        metrics.set_credential_alarm_reader(self._outbound.refused)
        metrics.set_failing_reader(self._outbound.failing)
        metrics.set_pending_reader(lambda: courier.pending)
        metrics.set_outbox_reader(lambda: courier.pending_by_channel)
        metrics.set_log_reader(logs.dropped)
        metrics.set_task_reader(lambda: len(asyncio.all_tasks(self._loop)))
        metrics.set_native_readers(lambda: stack.legs_alive, stack.native_calls)

    def _applied(self, difference: Summary) -> None:
        if self._down:
            return  # what it would be told to is closed
        snapshot = self._configuration.snapshot
        self._stack.let_in(guard.Doors.of(snapshot))
        log = snapshot.agent.log
        logs.configure(log.level, log.format, log.numbers, log.file)
        self._closer.follow(snapshot.agent)
        self._outbound.applied()
        if difference.renewed:
            self._tasks.run(self._renewal.renew(difference.renewed, snapshot))
        self._prepare_comfort()
        self._probes.follow(snapshot)
        self._synthetic.follow(snapshot)
        self._switchboard.refresh()

    def _prepare_comfort(self) -> None:
        projects = self._configuration.projects()
        self._stack.comfort.prepare(project.handoff.comfort_audio for project in projects)

    async def _end_calls(self) -> None:
        """Let the last transactions and records end: no peer is left to find out by itself."""
        self._probes.end()
        until = self._loop.time() + _LAST_BYES_SECONDS
        while self._stack.native_calls() and self._loop.time() < until:
            await asyncio.sleep(0.02)
        self._saves.save_late()

    async def _end_records(self) -> None:
        """Store what is being stored, and say which calls the next start will find up."""
        try:
            await self._tasks.end()
        finally:
            for call_id, project in self._saves.waiting.items():
                _log.error(
                    "the end of this call is not recorded: the next start tells its script failed, if "
                    "nothing was told before",
                    call_id=call_id,
                    project=project,
                )

    async def _end_journals(self) -> None:
        await asyncio.gather(self._audit.aclose(), self._history.aclose())

    async def _end_reloads(self) -> None:
        """Cancel a reload under way; its child process is killed. One that HTTP asked for is over by now."""
        self._down = True
        await self._reloads.cancel()

    async def _end_sip(self) -> None:
        """End the stack: about a second of native code, in which the loop hears nothing."""
        self._stack.close()

    async def _end_deliveries(self) -> None:
        """Give what is under way its time, and less of it as soon as the node is to end now."""
        if not await done_before(self._asked.end_now, self._outbound.aclose(_COURIER_GRACE_SECONDS)):
            await self._outbound.aclose(_FORCED_GRACE_SECONDS)


def _names(http: Http) -> tuple[str, ...]:
    """Names by which the operations listener may be asked."""
    return (http.operations.host, *http.operations_hosts)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
