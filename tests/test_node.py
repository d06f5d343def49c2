# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of the process: what comes up in which order, what goes down in which, and what signals ask for.

The parts are fakes that only note when they come and go.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from agent import node as node_module
from agent.configuration import Reloaded
from agent.core import events as core
from agent.core.errors import AgentError, SipError, StorageError
from agent.core.node import NodeState
from agent.core.reasons import Reason
from agent.delivery.store import Store
from agent.names.names import Names
from agent.node import Node, serve
from agent.process import Asked, Ending
from agent.settings import Fresh, Mistakes
from agent.sip import events as sip
from agent.sip.guard import Doors
from agent.telemetry.logs import of_call
from tests.core.examples import record, snapshot
from tests.harness.names import Told
from tests.shell.harness.clock import Clock
from tests.shell.harness.scripted_call import ScriptedCall, call
from tests.shell.harness.sip import FakeStack
from tests.shell.harness.turns import until

UP = (
    "stack up",
    "keeper up",
    "deliveries up",
    "api up",
    "operations up",
    "probes up",
    "ready",
)
DOWN_EARLY = ("probes down", "recovery down", "deliveries down in 10 s", "stack down")
DOWN = ("operations down", "api down", "keeper down", *DOWN_EARLY)


class Parts:
    """All parts of a node.

    Attributes:
        trail: what came up and went down.
        fails: the part that can't come up.
        native_calls: how many pjsua still holds.
        looked: how often what was left behind was looked for.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.trail: list[str] = []
        self.fails: str = ""
        self.error: AgentError = SipError("planned")
        self.native_calls = 0
        self.looked = 0
        self.hangs = ""
        self.listeners = iter(("api", "operations"))
        self.stack: PartStack | None = None
        for name, part in {
            "parts.Stack": lambda *_, **_options: self._stack(),
            "parts.Outbound": lambda *_, **__: Deliveries(self),
            "parts.Recovery": lambda *_: Recovering(self),
            "parts.Probes": lambda *_: Probing(self),
            "listeners.serve_app": self._listener,
            "readings.guard": SimpleNamespace(invites_refused=dict, names_refused=int),
            "parts.Memory": lambda *_: SimpleNamespace(settle=lambda: None, look=lambda: None),
        }.items():
            monkeypatch.setattr(f"agent.running.{name}", part)
        monkeypatch.setattr(node_module, "Keeper", lambda *_: Part(self, "keeper"))
        monkeypatch.setattr(node_module, "notify", self._notified)

    def up(self, part: str) -> None:
        """A part comes up, unless it is the one that can't."""
        if part == self.fails:
            raise self.error
        self.trail.append(f"{part} up")

    async def hang(self, part: str) -> None:
        """Never come back, if this is the part that hangs."""
        if part == self.hangs:
            await asyncio.Event().wait()

    def _notified(self, **facts: str) -> None:
        if "READY" in facts:
            self.trail.append("ready")

    def _stack(self) -> PartStack:
        self.stack = PartStack(self)
        return self.stack

    async def _listener(self, *_: object, **_options: object) -> Part:
        return Part(self, next(self.listeners))


class Part:
    """A part that is up as soon as it is made."""

    def __init__(self, parts: Parts, name: str) -> None:
        self._parts, self._name = parts, name
        parts.up(name)

    async def aclose(self) -> None:
        """Go down."""
        await self._parts.hang(self._name)
        self._parts.trail.append(f"{self._name} down")


class PartStack(FakeStack):
    """The SIP stack."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.comfort = cast("Any", SimpleNamespace(prepare=lambda _: None))
        self._parts = parts

    def start(self, report: Callable[[sip.StackEvent], None], doors: Doors) -> None:
        """Come up, for the one carrier of the configuration."""
        assert (doors.sources, doors.reject_unknown) == ("192.0.2.0/24", False)
        self._parts.up("stack")
        self.report = report

    def close(self) -> None:
        """Go down."""
        self._parts.trail.append("stack down")

    def native_calls(self) -> int:
        """Those that linger."""
        return self._parts.native_calls


class Deliveries:
    """What leaves by HTTP."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.courier = SimpleNamespace(pending=0, pending_by_channel={}, waits=lambda *_: False)

    async def warm_up(self) -> None:
        """Come up."""
        self._parts.up("deliveries")

    def alarms(self) -> dict[str, object]:
        """None."""
        return {}

    refused = failing = alarms

    async def aclose(self, grace: float) -> None:
        """Go down."""
        await self._parts.hang("deliveries")
        self._parts.trail.append(f"deliveries down in {grace:.0f} s")


class Recovering:
    """What is left behind."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def look(self) -> None:
        """Note it."""
        self._parts.looked += 1

    async def aclose(self) -> None:
        """Go down."""
        await self._parts.hang("recovery")
        self._parts.trail.append("recovery down")


class Probing:
    """The probes."""

    down = frozenset[str]()

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def follow(self, _: object) -> None:
        """Come up."""
        self._parts.up("probes")

    def end(self) -> None:
        """Go down."""
        self._parts.trail.append("probes down")


class Storage:
    """A storage that is well, and keeps what it is given."""

    def __init__(self, parts: Parts) -> None:
        self.fault: str | None = None
        self.stored: list[str] = []
        self._parts = parts

    async def update_call(self, call: Any) -> None:  # noqa: ANN401 - a record
        """Keep it, or fail."""
        await self._parts.hang("store update")
        if self.fault is not None:
            raise StorageError(self.fault)
        self.stored.append(call.state)

    async def note_filed(self, position: int | None) -> None:
        """No files are kept."""
        assert position is None

    async def aclose(self) -> None:
        """Go down."""
        self._parts.trail.append("store down")


class Living:
    """A node on these parts."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parts = Parts(monkeypatch)
        self.clock = Clock(monkeypatch)
        self.asked = Asked()
        self.storage = Storage(self.parts)
        self.names = Names(source=Told())
        ending = Ending(self.asked)
        plain = snapshot()
        agent = plain.agent.model_copy(update={"audit": folder / "audit.jsonl"})
        known = replace(plain, agent=agent)
        self.node = Node(folder, known, cast("Store", self.storage), self.names, ending)

    @property
    def stack(self) -> PartStack:
        """The SIP stack."""
        assert self.parts.stack is not None
        return self.parts.stack

    @property
    def states(self) -> list[NodeState]:
        """The states that the guard was told."""
        return [status.state for status in self.stack.applied]

    async def start(self, closing: AsyncExitStack) -> asyncio.Task[None]:
        """Start the node; gives its main loop, which runs."""
        await self.node.startup(closing)
        running = asyncio.ensure_future(self.node.main_loop())
        await asyncio.sleep(0)
        return running

    def has(self) -> ScriptedCall:
        """A call that is up."""
        up = call("c-1")
        self.node._parts.register.add(up.as_call)
        return up


async def throughout_turns(holds: Callable[[], bool]) -> None:
    """Let the loop turn a while; this must hold in each turn."""
    for _ in range(20):
        await asyncio.sleep(0)
        assert holds()


@pytest.fixture
async def living(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Living:
    return Living(tmp_path, monkeypatch)


@pytest.fixture
async def closing() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


# -- up and down -------------------------------------------------------------------------------------------


async def test_the_record_is_first_and_the_door_last_and_all_goes_down_the_other_way(living: Living) -> None:
    async with AsyncExitStack() as closing:
        await living.node.startup(closing)
        assert tuple(living.parts.trail) == UP
        assert living.states == [NodeState.READY]
        living.parts.trail.clear()
    assert tuple(living.parts.trail) == DOWN


@pytest.mark.parametrize(
    ("part", "down"),
    [
        ("stack", DOWN_EARLY),
        ("keeper", DOWN_EARLY),
        ("deliveries", ("keeper down", *DOWN_EARLY)),
        ("api", ("keeper down", *DOWN_EARLY)),
        ("operations", ("api down", "keeper down", *DOWN_EARLY)),
        ("probes", DOWN),
    ],
)
async def test_a_start_that_fails_half_way_takes_down_what_is_up(
    living: Living, part: str, down: tuple[str, ...]
) -> None:
    living.parts.fails = part
    with pytest.raises(SipError, match="planned"):
        async with AsyncExitStack() as closing:
            await living.node.startup(closing)
    came_up = UP[: UP.index(f"{part} up")]
    assert tuple(living.parts.trail) == (*came_up, *down)
    assert living.states == [], "the door was never opened"


async def test_the_last_byes_are_waited_for_but_not_for_long(living: Living) -> None:
    living.parts.native_calls = 3
    async with AsyncExitStack() as closing:
        await living.node.startup(closing)
        down = asyncio.ensure_future(closing.aclose())
        await until(lambda: "probes down" in living.parts.trail)
        living.clock.push(1.0)
        await asyncio.sleep(0)
        assert "stack down" not in living.parts.trail
        living.clock.push(1.1)
        await down
    assert living.parts.trail[-1] == "stack down"


async def test_a_call_s_last_state_is_stored_before_the_stack_goes(living: Living) -> None:
    async with AsyncExitStack() as closing:
        await living.node.startup(closing)
        living.node._parts.saves.save(record(state="ended"))
    assert living.storage.stored == ["ended"]


# -- while it lives ----------------------------------------------------------------------------------------


async def test_once_a_second_it_looks_after_itself(living: Living, closing: AsyncExitStack) -> None:
    running = await living.start(closing)
    for looks in (1, 2, 3):
        # The first comes as soon as the door is open.
        await until(lambda looks=looks: living.parts.looked == looks + 1)  # type: ignore[misc]
        living.clock.push(1.0)
    living.storage.fault = "the disk is full"
    await until(lambda: living.parts.looked >= 5)
    living.clock.push(1.0)
    await until(lambda: NodeState.FAULTY in living.states)
    living.asked.end.set()
    await running


async def test_a_change_of_the_storage_is_told_to_the_guard_at_once(
    living: Living, closing: AsyncExitStack
) -> None:
    await living.node.startup(closing)
    living.storage.fault = "the disk is full"
    living.node.refresh()
    assert living.states == [NodeState.READY, NodeState.FAULTY]


async def test_a_reload_that_was_asked_for_is_done_once(
    living: Living, closing: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    reloaded: list[bool] = []

    async def reload(**_: object) -> Reloaded:
        reloaded.append(True)
        return Reloaded("loaded", changes=("number 1 appears",))

    monkeypatch.setattr(living.node._parts.configuration, "reload", reload)
    living.asked.reload = True
    running = await living.start(closing)
    await until(lambda: reloaded)
    living.clock.push(1.0)
    await until(lambda: living.parts.looked >= 2)
    assert (reloaded, living.asked.reload) == ([True], False)
    living.asked.end.set()
    await running
    told = [(deed.action, deed.origin, deed.outcome) for deed in living.node._parts.audit.newest()]
    assert told == [("drain", "SIGTERM", "for good"), ("reload", "SIGHUP", "loaded: number 1 appears")]


# -- the end -----------------------------------------------------------------------------------------------


async def test_an_idle_node_that_is_to_end_ends_at_once(living: Living, closing: AsyncExitStack) -> None:
    running = await living.start(closing)
    living.asked.end.set()
    await running
    assert living.states == [NodeState.READY, NodeState.DRAINING]


async def test_one_with_calls_takes_no_more_and_ends_with_the_last(
    living: Living, closing: AsyncExitStack
) -> None:
    running = await living.start(closing)
    last = living.has()
    living.asked.end.set()
    await until(lambda: NodeState.DRAINING in living.states)
    living.clock.push(3600)
    await asyncio.sleep(0)
    assert not running.done()
    assert last.handled == []
    living.node._parts.register.remove(last.as_call)
    await running


async def test_one_that_is_to_end_now_ends_its_calls_and_waits_for_their_end(
    living: Living, closing: AsyncExitStack
) -> None:
    running = await living.start(closing)
    last = living.has()
    living.asked.end.set()
    living.asked.end_now.set()
    await until(lambda: last.handled)
    assert last.handled == [core.EndAsked(Reason.SHUTDOWN)]
    assert not running.done()
    living.node._parts.register.remove(last.as_call)
    await running


async def test_but_not_for_ever_and_deliveries_have_less_time_then(living: Living) -> None:
    async with AsyncExitStack() as closing:
        running = await living.start(closing)
        last = living.has()
        living.asked.end.set()
        living.asked.end_now.set()
        await until(lambda: last.handled)
        living.clock.push(2.1)
        await running
    assert "deliveries down in 1 s" in living.parts.trail


async def ended_on_a_full_disk(living: Living, closing: AsyncExitStack) -> asyncio.Task[None]:
    """A node that is to end and has no call any more, but one whose end is not recorded."""
    running = await living.start(closing)
    living.storage.fault = "the disk is full"
    with of_call("c-1", "acme-care"):
        living.node._parts.saves.save(record(state="ended"))
    await until(lambda: living.node._parts.saves.waiting)
    living.asked.end.set()
    await until(lambda: NodeState.DRAINING in living.states)
    return running


async def test_one_whose_last_call_is_not_recorded_waits_for_the_storage(
    living: Living, closing: AsyncExitStack
) -> None:
    running = await ended_on_a_full_disk(living, closing)
    for _ in range(3):
        living.clock.push(1.0)
        await throughout_turns(lambda: not running.done())
    living.storage.fault = None
    living.node.refresh()
    await running
    assert living.storage.stored == ["ended"]


@pytest.mark.parametrize("asked_again", [True, False], ids=["asked again", "left alone"])
async def test_but_not_for_ever_and_says_what_the_next_start_will_tell(
    living: Living,
    asked_again: bool,  # noqa: FBT001
) -> None:
    with capture_logs() as said:
        async with AsyncExitStack() as closing:
            running = await ended_on_a_full_disk(living, closing)
            if asked_again:
                living.asked.end_now.set()
            while not running.done():
                living.clock.push(0.0 if asked_again else 1.0)
                await asyncio.sleep(0)
    (line,) = [line for line in said if line["log_level"] == "error" and "next start" in line["event"]]
    assert (line["call_id"], line["project"]) == ("c-1", "acme-care")


@pytest.mark.parametrize("part", ["operations", "api", "keeper", "recovery", "deliveries", "store update"])
async def test_whatever_hangs_when_the_node_is_to_end_the_others_still_end(
    living: Living, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.process._GIVE_UP_SECONDS", 0.0)
    living.parts.hangs = part
    closing = AsyncExitStack()
    await living.node.startup(closing)
    if part == "store update":
        living.node._parts.saves.save(record(state="ended"))
    living.asked.end.set()
    living.asked.end_now.set()
    down = asyncio.ensure_future(closing.aclose())
    while not down.done():
        living.clock.push(0.05)
        await asyncio.sleep(0)
    left_behind = [part] if part in ("operations", "api", "keeper", "recovery") else []
    ended = [one.partition(" down")[0] for one in living.parts.trail if " down" in one]
    assert [*ended, *left_behind].count("stack") == 1
    assert set(ended) | set(left_behind) >= {"operations", "api", "keeper", "probes", "recovery", "stack"}


async def test_a_reload_under_way_is_cancelled_and_touches_nothing_that_is_closed(
    living: Living, monkeypatch: pytest.MonkeyPatch
) -> None:
    trail = living.parts.trail

    async def reload(**_: object) -> None:
        trail.append("reload began")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            trail.append("reload ended")
            living.node._reloading.applied(cast("Any", None))  # one that is just through
            raise

    monkeypatch.setattr(living.node._parts.configuration, "reload", reload)
    async with AsyncExitStack() as closing:
        running = await living.start(closing)
        living.asked.reload = True
        living.clock.push(1.0)
        await until(lambda: "reload began" in trail)
        living.asked.end.set()
        await running
    assert trail.index("reload ended") < trail.index("probes down") < trail.index("stack down")


@pytest.mark.parametrize("broken", ["configuration.look", "recovery.look", "switchboard.refresh"])
async def test_a_look_that_breaks_does_not_end_the_node(
    living: Living, closing: AsyncExitStack, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    running = await living.start(closing)
    owner, _, name = broken.partition(".")
    looked: list[bool] = []

    def breaks() -> None:
        looked.append(True)
        raise OSError("too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(getattr(living.node._parts, owner), name, breaks)
        for looks in (1, 2):
            living.clock.push(1.0)
            await until(lambda looks=looks: len(looked) >= looks)  # type: ignore[misc]
    living.asked.end.set()
    await running


# -- signals -----------------------------------------------------------------------------------------------


async def test_signals_only_set_flags() -> None:
    asked = Asked()
    with asked.capture_signals():
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: asked.reload)
        assert not asked.end.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        await until(asked.end.is_set)
        assert not asked.end_now.is_set()
        os.kill(os.getpid(), signal.SIGINT)
        await until(asked.end_now.is_set)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


# -- the whole process -------------------------------------------------------------------------------------


class Process:
    """`serve`, on these parts and a storage that is none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parts = Parts(monkeypatch)
        self.storage = Storage(self.parts)
        self.storage_fails = False
        self.told_of_storage: Callable[[str | None], None] | None = None
        monkeypatch.setattr(node_module, "load_in_child", self._read)
        monkeypatch.setattr("agent.node.logs.configure", lambda *_: None)
        monkeypatch.setattr(node_module, "open_store", self._open)

    async def _read(self, _: Path, *, instance: int) -> Fresh:
        assert instance == 0
        return Fresh(snapshot())

    async def _open(
        self,
        _: str,
        changed: Callable[[str | None], None],
        broke: Callable[[Exception], None],
        *,
        node: str,
    ) -> Storage:
        assert node == "edge-1"
        self.told_of_storage = changed
        if self.storage_fails:
            raise StorageError("another agent is using it")
        self.parts.trail.append("store up")
        changed("slow")  # there is no node yet that could follow it
        broke(RuntimeError("odd"))
        return self.storage

    def serve(self, folder: Path) -> Coroutine[Any, Any, int]:
        """Run it."""
        return serve(folder)


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    return Process(monkeypatch)


async def test_a_process_that_is_told_to_end_ends_well(process: Process, tmp_path: Path) -> None:
    running = asyncio.ensure_future(process.serve(tmp_path))
    await until(lambda: "ready" in process.parts.trail)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running == 0
    assert process.parts.trail == ["store up", *UP, *DOWN, "store down"]


async def test_one_whose_storage_changes_while_it_starts_or_runs_follows_it(
    process: Process, tmp_path: Path
) -> None:
    running = asyncio.ensure_future(process.serve(tmp_path))
    await until(lambda: "ready" in process.parts.trail)
    assert process.told_of_storage is not None
    assert process.parts.stack is not None
    for fault in ("the disk is full", None):
        process.storage.fault = fault
        process.told_of_storage(fault)
    states = [status.state for status in process.parts.stack.applied]
    assert states == [NodeState.READY, NodeState.FAULTY, NodeState.READY]
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running == 0


async def test_one_with_a_wrong_configuration_says_so_and_never_starts(
    process: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def load(_: Path, *, instance: int) -> None:  # noqa: ARG001 - the loader's
        raise Mistakes([])

    monkeypatch.setattr(node_module, "load_in_child", load)
    assert await process.serve(tmp_path) == 1
    assert f"the configuration in {tmp_path} is wrong" in capsys.readouterr().err
    assert process.parts.trail == []


async def test_one_whose_storage_can_t_be_opened_says_why(
    process: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process.storage_fails = True
    assert await process.serve(tmp_path) == 2
    assert capsys.readouterr().err == "handoff-agent: another agent is using it\n"


async def test_one_that_can_t_listen_says_why_and_lets_go_of_all_it_had(
    process: Process, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process.parts.fails = "stack"
    process.parts.error = SipError("can't listen on udp://0.0.0.0:5060")
    assert await process.serve(tmp_path) == 2
    *_, said = capsys.readouterr().err.splitlines()  # after what the storage said
    assert said == "handoff-agent: can't listen on udp://0.0.0.0:5060"
    assert process.parts.trail == ["store up", *DOWN_EARLY, "store down"]
