# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of the agent's process: start, take calls, reload, drain, end."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from agent.core.errors import AgentError, StorageError
from agent.core.model import Snapshot
from agent.delivery.record_files.writer import RecordWriter
from agent.delivery.replication import ReplicationWatch
from agent.delivery.retention import Keeper
from agent.delivery.store import Store
from agent.delivery.stores import open_store
from agent.names.loop import NamesLoop
from agent.names.names import Names
from agent.process import ENDED_BY_FORCE, LONGEST_END_SECONDS, Asked, Ending, done_before
from agent.running import readings
from agent.running.ends import COURIER_GRACE_SECONDS, LAST_BYES_SECONDS, Ends
from agent.running.listeners import listen
from agent.running.parts import Parts
from agent.running.reloading import Reloading
from agent.settings import Mistake, Mistakes, Summary, load_in_child
from agent.sip import guard
from agent.telemetry import logs
from agent.telemetry.log_file import require_writable
from agent.telemetry.systemd import notify

_log = logs.logger("node")
_LOOK_SECONDS: Final = 1.0


async def serve(folder: Path, *, for_good: bool = False, instance: int = 0) -> int:
    """Run the agent until a signal ends it.

    Args:
        folder: of the configuration.
        for_good: whether the process ends with it; see `Asked.capture_signals`.
        instance: which of `instances` in agent.yaml it is, from 1; 0: the only agent of the folder.

    Returns:
        The exit code: 0 ended as asked, 1 the configuration is wrong, 2 could not run, 3 a part hung
        and was left behind.
    """
    asked = Asked()
    logs.configure()
    with logs.in_background(), asked.capture_signals(for_good=for_good):
        code, said = await _life(folder, instance, asked)
        asked.last_resort.code = code
    if said:
        logs.say(said)
    return code


async def _life(folder: Path, instance: int, asked: Asked) -> tuple[int, str]:
    """The exit code, and what is to be said of it in plain words."""
    ending = Ending(asked)
    try:
        snapshot = await _read(folder, instance, asked)
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


async def _read(folder: Path, instance: int, asked: Asked) -> Snapshot | None:
    """The configuration; None when the process is to end before it is read."""
    found: list[Snapshot] = []

    async def read() -> None:
        found.append((await load_in_child(folder, instance=instance)).snapshot)

    if not await done_before(asked.end, read()):
        return None
    _one_is_named(found[0])
    return found[0]


def _one_is_named(snapshot: Snapshot) -> None:
    """Hold a start to naming its instance: an agent without one would take the ports of all of them."""
    instances = snapshot.agent.instances
    if instances is not None and not snapshot.instance:
        file, places = snapshot.written["agent"].file, snapshot.written["agent"].places()
        line, _ = places.get("instances.count", (1, ""))
        text = f"there are {instances.count} instances: start each with run --instance N, from 1"
        raise Mistakes([Mistake(file, line, 1, text)])


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
    """The process, whose parts come up in the order of `startup`, the record first and the door last.

    They go down in the opposite one; what was not sent stays recorded for the next start.

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
        self._parts = parts = Parts(folder, snapshot, store, names, self._applied)
        self._reloading = Reloading(self._asked, parts)
        self._ends = Ends(self._asked, parts)

    # -- up ----------------------------------------------------------------------------------------------

    async def startup(self, closing: AsyncExitStack) -> None:
        """Bring the parts up.

        Args:
            closing: is given what takes each of them down again, also when the start fails half-way.

        Raises:
            AgentError: one of them can't be used.
        """
        parts, add = self._parts, partial(self._ending.add, closing)
        snapshot = parts.configuration.snapshot
        self._file_records(closing)
        self._let_end(closing)
        self._loop.set_exception_handler(self._escaped)
        closing.callback(self._loop.set_exception_handler, None)
        parts.stack.start(parts.switchboard.on_sip_event, guard.Doors.of(snapshot))
        self._reloading.prepare_comfort()
        readings.connect(parts)
        parts.renewal.tell(snapshot)
        keeper = Keeper(parts.store, lambda: parts.configuration.snapshot.agent.retention, self.took)
        add("retention", keeper.aclose, usual=2.0, forced=0.1)
        watch = ReplicationWatch(parts.store, parts.metrics.database_looked_at, self.took)
        add("replication", watch.aclose, usual=2.0, forced=0.1)
        await parts.outbound.warm_up()
        await listen(parts, self._ending, closing)
        parts.closer.follow(snapshot.agent)
        parts.memory.settle()
        parts.probes.follow(snapshot)
        parts.synthetic.follow(snapshot)
        add("test calls", parts.synthetic.aclose, usual=2.0, forced=0.2)
        parts.switchboard.open()
        parts.recovery.look()  # what a dead process left: new calls are taken meanwhile
        notify(READY="1", STATUS="ready")
        agent, listening = snapshot.agent, [str(one) for one in snapshot.agent.sip.listen]
        _log.info("ready", node=agent.node, sip=listening, api=str(agent.http.api))

    def _let_end(self, closing: AsyncExitStack) -> None:
        """Whatever is up: what is added last ends first."""
        add, parts, ends = partial(self._ending.add, closing), self._parts, self._ends
        add("SIP", ends.of_sip, usual=10.0, forced=0.5)
        add("captures and traces", parts.closer.aclose, usual=6.0, forced=0.3)
        add("deliveries", ends.of_deliveries, usual=COURIER_GRACE_SECONDS + 2.0, forced=1.0)
        add("recovery", parts.recovery.aclose, usual=2.0, forced=0.1)
        add("records of calls", ends.of_records, usual=5.0, forced=0.4)
        add("audit log", ends.of_journals, usual=2.0, forced=0.2)
        add("last BYEs", ends.of_dialogs, usual=LAST_BYES_SECONDS + 1.0, forced=0.2)
        add("reload", self._reloading.aclose, usual=2.0, forced=0.2)

    def _file_records(self, closing: AsyncExitStack) -> None:
        """Write records of calls to files, until the last part is down that may end a call."""
        parts, agent = self._parts, self._parts.configuration.snapshot.agent
        if agent.records is None:
            parts.tasks.run(self._file_no_records())
            return
        writer = RecordWriter(parts.store, agent.records, agent.node, parts.metrics, self.took)
        self._ending.add(closing, "record files", writer.aclose, usual=5.0, forced=0.4)

    async def _file_no_records(self) -> None:
        """Let old calls go though they are in no file; a storage that fails is asked by the next start."""
        with suppress(StorageError):
            await self._parts.store.note_filed(None)

    # -- while it is up ----------------------------------------------------------------------------------

    async def main_loop(self) -> None:
        """Look after the node once a second until it is to end and the last call is over."""
        while not self._asked.end.is_set():
            self._look()
            await _wait(self._asked.end, _LOOK_SECONDS)
        self._parts.switchboard.drain(for_good=True)
        self._parts.audit.record("drain", who="a signal", origin="SIGTERM", outcome="for good")
        notify(STOPPING="1", STATUS="draining")
        over = asyncio.ensure_future(self._ends.all_recorded())
        forced = asyncio.ensure_future(self._asked.end_now.wait())
        while not over.done() and not forced.done():
            self._look()
            await asyncio.wait((over, forced), timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for waiting in (over, forced):
            waiting.cancel()
        await self._ends.of_calls()

    def _applied(self, difference: Summary) -> None:
        self._reloading.applied(difference)

    def refresh(self) -> None:
        """Judge the node's state anew, now that the storage has changed; what waits for it is stored."""
        self._parts.switchboard.refresh()
        self._parts.saves.save_late()

    def took(self, where: str, error: Exception) -> None:
        """An error was contained in what is no call's: counted, logged, and part of the node's state."""
        self._parts.contained.took(where, error)

    def _escaped(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An error of a timer or a task reached the loop itself: it ends nothing, and is counted."""
        error = context.get("exception")
        if error is None:
            loop.default_exception_handler(context)
        else:
            self._parts.contained.took("loop", error)

    def _look(self) -> None:
        """Look after the node; nothing that goes wrong in one part ends another, or the next look."""
        parts, contain = self._parts, self._parts.contained.run
        contain("look", self._tell_systemd)
        contain("look", parts.saves.save_late)
        contain("look", parts.recovery.look)
        contain("look", parts.memory.look)
        contain("look", logs.levels_look)
        contain("look", parts.sights.look)
        contain("look", parts.closer.look, parts.outbound.courier.waits)
        contain("look", self._reloading.look)

    def _tell_systemd(self) -> None:
        status = self._parts.switchboard.refresh()
        notify(WATCHDOG="1", STATUS=status.reason)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
