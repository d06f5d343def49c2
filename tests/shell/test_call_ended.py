# SPDX-License-Identifier: GPL-3.0-or-later
"""Each call that is over is told to the customer's system that wants to know, once, whatever fails."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from agent.core.model import Project
from agent.core.moments import Moment, SignalState
from agent.core.records import Channel, Handoff, Signal
from agent.delivery.queries import CallQuery
from agent.sip.traffic import Traffic
from tests.core.examples import record
from tests.shell.harness import steps as step
from tests.shell.harness.left import KEPT, UP, Left, Next, signal
from tests.shell.harness.settings import SIGNALS, care
from tests.shell.harness.shell import NodeOf, Shell
from tests.shell.harness.storage import Fault

HOOK = {"url": "https://crm.example.org/calls", "secret": "s3cret"}


def told(*events: str, **changes: Any) -> Project:  # noqa: ANN401 - what YAML holds
    """A project whose customer's system is told of these events."""
    return care(webhook={**HOOK, "events": list(events)}, **changes)


@pytest.fixture
async def node(node_of: NodeOf) -> AsyncIterator[Shell]:
    async with node_of(told("call.ended")) as made:
        yield made


def ends(node: Shell) -> list[dict[str, Any]]:
    """The records that were posted."""
    bodies = [json.loads(body) for body in node.nice.posted]
    return [body["record"] for body in bodies if body["event"] == "call.ended"]


async def plays(node: Shell, *steps: step.Step) -> None:
    for one in steps:
        one(node)
        await node.settled()
    await node.settled()


@pytest.mark.parametrize(
    ("steps", "end", "reason"),
    [
        ((step.caller_comes, step.agent_answers, step.caller_hangs_up), "caller", "caller_hung_up"),
        ((step.caller_comes, step.agent_answers, step.agent_hangs_up), "completed", "completed"),
        ((step.caller_comes, step.caller_hangs_up), "caller", "cancelled"),
        ((step.caller_comes, step.agent_is_busy), "failed", "no_agent"),
    ],
)
async def test_it_is_told_however_the_call_ends(
    node: Shell, steps: tuple[step.Step, ...], end: str, reason: str
) -> None:
    await plays(node, *steps, step.nice_accepts)
    (found,) = ends(node)
    assert (found["end"], found["reason"], found["sequence"]) == (end, reason, None)
    stored = await node.store.on_disk(found["call_id"])
    assert stored is not None
    assert stored.ended is not None


async def test_the_record_has_the_handoff_and_the_legs(node: Shell) -> None:
    await plays(node, step.caller_comes, step.agent_answers)
    for role in ("caller", "agent"):
        node.leg(role).traffic = Traffic(received=100, sent=100)
    await plays(node, step.asked_by_http, step.nice_accepts, step.caller_hangs_up)
    (found,) = ends(node)
    assert found["end"] == "handoff"
    assert found["handoff"]["way"] == "http"
    assert sorted(leg["side"] for leg in found["legs"]) == ["agent", "caller"]


async def test_a_project_that_wants_both_is_told_both(node_of: NodeOf) -> None:
    async with node_of(told("handoff", "call.ended")) as node:
        await plays(node, step.caller_comes, step.agent_answers)
        await plays(node, step.asked_by_http, step.nice_accepts, step.caller_hangs_up)
        assert [json.loads(body)["event"] for body in node.nice.posted] == ["handoff", "call.ended"]


async def test_a_project_that_wants_handoffs_only_is_not_told(node_of: NodeOf) -> None:
    async with node_of(told("handoff")) as node:
        await plays(node, step.caller_comes, step.agent_answers, step.caller_hangs_up)
        assert node.nice.posted == []


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
async def test_where_the_end_can_t_be_stored_both_wait_and_it_is_told_once(node: Shell, fault: Fault) -> None:
    await plays(node, step.caller_comes, step.agent_answers)
    node.store.plan["update_call", node.store.trail.count("update_call") + 1] = fault
    await plays(node, step.caller_hangs_up)
    assert ends(node) == []
    await node.passes(2)
    assert len(ends(node)) == 1


async def test_of_a_call_that_could_not_be_recorded_nothing_is_told(node: Shell) -> None:
    node.store.plan["open_call", 1] = Fault.BEFORE
    await plays(node, step.caller_comes)
    await node.passes(2)
    assert (ends(node), node.leg("caller").got[-1][:3]) == ([], "503")


async def test_one_that_stands_though_its_caller_was_refused_is_told_as_it_is_closed(node: Shell) -> None:
    node.store.plan["open_call", 1] = Fault.AFTER
    await plays(node, step.caller_comes)
    await node.passes(2)
    (found,) = ends(node)
    assert (found["end"], found["reason"]) == ("failed", "not_ready")


# -- calls that died with their process ----------------------------------------------------------------------


async def hooks(after: Next) -> list[Signal]:
    """What is in the outbox for the customer's system."""
    found: list[Signal] = []
    for call in await after.store.as_store.calls(CallQuery()):
        found += await after.store.signals_on_disk(call.call_id, Channel.WEBHOOK)
    return found


async def test_the_next_process_tells_of_a_call_that_died(left: Left) -> None:
    await left.by(UP, project=told("call.ended"))
    after = await left.next(told("call.ended"))
    assert await after.recovery.take_over() == 1
    begun = [one for one in after.courier.begun if one.channel is Channel.WEBHOOK]
    (body,) = [json.loads(one.parameters["body"]) for one in begun]
    assert (body["id"], body["record"]["reason"], body["record"]["legs"]) == ("c-up", "process_died", [])
    assert [one.signal_id for one in await hooks(after)] == ["e-up"]


async def test_its_handoff_is_in_the_record(left: Left) -> None:
    after = await left.by(KEPT, project=told("call.ended"))
    handoff = Handoff("h-1", KEPT.call_id, "acme", "care", KEPT.contact_id, 1.0, skill="billing")
    own = signal(KEPT, Moment.HANDOFF, SignalState.ACCEPTED)
    assert await after.store.as_store.record_handoff(handoff, own)
    await after.recovery.take_over()
    (entry,) = await hooks(after)
    assert json.loads(entry.parameters["body"])["record"]["handoff"]["skill"] == "billing"


async def test_it_is_told_once_where_the_storage_fails_half_way(left: Left) -> None:
    for fault in (Fault.BEFORE, Fault.AFTER):
        call = record(call_id=f"c-{fault.name.lower()}", state="bridged", began=1000.0)
        await left.aclose()
        after = await left.by(call, project=told("call.ended"))
        after.store.plan["update_call", 1] = fault
        with pytest.raises(Exception, match="the storage"):
            await after.recovery.take_over()
        assert await after.recovery.take_over() == 1
        mine = [one for one in await hooks(after) if one.call_id == call.call_id]
        assert len(mine) == 1
        assert [one.channel for one in after.courier.begun].count(Channel.WEBHOOK) == 1


async def test_a_process_that_dies_before_it_is_begun_leaves_it_to_the_next(left: Left) -> None:
    before = await left.by(UP, project=told("call.ended", signals=SIGNALS))
    await before.recovery.take_over()
    after = await left.next(told("call.ended"))
    assert await after.recovery.take_over() == 0
    assert sorted(after.courier.done) == ["take up c-up failed", "take up c-up failed"]
