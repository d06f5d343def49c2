# SPDX-License-Identifier: GPL-3.0-or-later
"""What is durable of one call: first on disk, then begun, and each terminal moment once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.calls.record import DurableRecord
from agent.core import actions as do
from agent.core.brief import Brief
from agent.core.call import State
from agent.core.errors import StorageError
from agent.core.moments import Moment, SignalState
from agent.core.reasons import Reason
from agent.core.records import Channel, Handoff
from tests.core.examples import CONTACT, admitted, invite, snapshot
from tests.shell.harness.settings import SIGNALS, care
from tests.shell.harness.shell import NodeOf, Shell
from tests.shell.harness.storage import Fault

HANDOFF = Handoff("h-1", "c-1", "acme", "care", CONTACT, 0.0, destination="sales", shared_id="shared-1")
HANDED_OFF = do.Tell(Moment.HANDOFF, Reason.HANDOFF, HANDOFF)
FAILED = do.Tell(Moment.FAILED, Reason.MEDIA_LOST)


def at_once() -> bool:
    return False


def later() -> bool:
    return True


def record_on(node: Shell) -> DurableRecord:
    """The record of a call of this node's project."""
    came = invite()
    brief = Brief("c-1", "edge-1", admitted(came, snapshot(*node.snapshot.projects.values())), came.message)
    node.stories.bind("c-1", "sip-1", "caller")
    return DurableRecord(brief, node.services, "sip-1")


async def opened(node: Shell) -> DurableRecord:
    """The same, durable."""
    record = record_on(node)
    await record.open()
    await node.settled()
    return record


def lines(node: Shell) -> list[str]:
    return [entry.text for entry in node.stories.story("c-1") or ()]


async def test_a_call_is_durable_before_its_arrival_is_begun(node: Shell) -> None:
    record = record_on(node)
    assert not record.opened
    await record.open()
    assert (record.opened, node.nice.sent) == (True, [])
    assert lines(node) == ["arrival begun: durable, on its way"]
    await node.settled()
    assert node.nice.sent == ["arrival"]


async def test_one_that_can_t_be_recorded_begins_nothing_and_stores_no_state_later(node: Shell) -> None:
    node.store.plan["open_call", 1] = Fault.BEFORE
    record = record_on(node)
    with pytest.raises(StorageError):
        await record.open()
    record.save(State.ENDED, ended=1.0)
    await node.settled()
    assert (record.opened, node.nice.sent, node.store.trail) == (False, [], ["open_call"])
    assert record.record.state == "ended"


@pytest.mark.parametrize(("warm", "state"), [(True, SignalState.SENDING), (False, SignalState.RECORDED)])
async def test_a_signal_that_can_leave_at_once_is_recorded_as_leaving(
    node: Shell, *, warm: bool, state: SignalState
) -> None:
    node.nice.warm = warm
    await record_on(node).open()
    assert [signal.state for signal in node.store.given] == [state]
    await node.settled()


async def test_a_project_without_that_signal_records_the_call_alone(node_of: NodeOf) -> None:
    async with node_of(care(signals={})) as node:
        await opened(node)
        assert await node.store.signals_on_disk("c-1") == []
        assert await node.store.on_disk("c-1") is not None


async def test_a_handoff_its_signal_and_its_webhook_are_durable_together_and_begun(node_of: NodeOf) -> None:
    hook = {"url": "https://crm.example/handoffs", "secret": "made up"}
    async with node_of(care(webhook=hook)) as node:
        record, rung = await opened(node), node.bell
        with rung.listening({"shared-1"}) as heard:
            assert await record.tell(HANDED_OFF, at_once) == (True, True)
            assert heard.is_set()
        assert node.store.trail.count("record_handoff") == 1
        await node.settled()
        assert node.nice.sent == ["arrival", "handoff"]
        assert len(node.nice.posted) == 1
        assert len(await node.store.signals_on_disk("c-1", Channel.WEBHOOK)) == 1


@pytest.mark.parametrize("first", [HANDED_OFF, FAILED])
@pytest.mark.parametrize("second", [HANDED_OFF, FAILED])
async def test_of_two_terminal_moments_the_first_is_told(
    node: Shell, first: do.Tell, second: do.Tell
) -> None:
    record = await opened(node)
    assert await record.tell(first, at_once) == (True, True)
    assert await record.tell(second, at_once) == (False, False)
    await node.settled()
    assert node.nice.sent == ["arrival", first.moment.value]
    assert await node.store.terminal_on_disk("c-1") == [first.moment]


async def test_a_handoff_that_is_not_signalled_is_still_the_terminal_moment(node_of: NodeOf) -> None:
    silent = {name: one for name, one in SIGNALS.items() if name != "handoff"}
    async with node_of(care(signals=silent)) as node:
        record = await opened(node)
        assert await record.tell(HANDED_OFF, at_once) == (True, False)
        assert await record.tell(HANDED_OFF, at_once) == (False, False)
        assert node.nice.sent == ["arrival"]


async def test_another_moment_that_is_not_signalled_is_told_to_nobody(node_of: NodeOf) -> None:
    async with node_of(care(signals={"arrival": {"p1": "arrival"}})) as node:
        assert await (await opened(node)).tell(FAILED, at_once) == (False, False)
        assert "record_signal" not in node.store.trail


@pytest.mark.parametrize("holds", [at_once, later])
async def test_a_signal_that_waits_for_the_end_of_the_prompt_is_begun_once(
    node_of: NodeOf, holds: Callable[[], bool]
) -> None:
    async with node_of(care(handoff={"finish_prompt": {}})) as node:
        record = await opened(node)
        assert await record.tell(HANDED_OFF, holds) == (True, True)
        assert node.store.given[-1].state is SignalState.RECORDED, "nobody knows yet when it leaves"
        await node.settled()
        assert node.nice.sent == (["arrival"] if holds is later else ["arrival", "handoff"])
        for _ in range(2):
            record.begin_held()
            await node.settled()
        assert node.nice.sent == ["arrival", "handoff"]


async def test_a_parameter_that_is_too_long_is_cut_told_and_counted(node: Shell) -> None:
    record = await opened(node)
    handoff = Handoff("h-1", "c-1", "acme", "care", CONTACT, 0.0, parameters={"p2": "x" * 21})
    await record.tell(do.Tell(Moment.HANDOFF, Reason.HANDOFF, handoff), at_once)
    assert "handoff: p2 cut at the limit" in lines(node)
    assert b'handoff_parameters_cut_total{project="care"} 1.0' in node.metrics.render()[0]
    await node.settled()


@pytest.mark.parametrize(("action", "operation"), [(HANDED_OFF, "record_handoff"), (FAILED, "record_signal")])
async def test_where_nothing_of_it_is_durable_nothing_is_begun(
    node: Shell, action: do.Tell, operation: str
) -> None:
    record = await opened(node)
    node.store.plan[operation, 1] = Fault.BEFORE
    with pytest.raises(StorageError):
        await record.tell(action, at_once)
    await node.settled()
    record.begin_held()
    assert node.nice.sent == ["arrival"]
    assert await node.store.terminal_on_disk("c-1") == []
    assert await record.tell(action, at_once) == (True, True)
    await node.settled()


async def test_where_the_call_stands_is_stored_without_waiting(node: Shell) -> None:
    record = await opened(node)
    record.save(State.BRIDGED, answered=5.0)
    assert (record.record.state, record.record.answered) == ("bridged", 5.0)
    await node.settled()
    on_disk = await node.store.on_disk("c-1")
    assert on_disk == record.record
