# SPDX-License-Identifier: GPL-3.0-or-later
"""What the HTTP listeners may ask of the agent, and what they are answered."""

from __future__ import annotations

import asyncio

import pytest

from agent.core.call import State
from agent.core.errors import StorageError
from agent.core.moments import Moment
from agent.core.reasons import End
from agent.core.records import CallRecord, Whereabouts
from agent.http.models import HandoffRequest
from agent.http.ports import AlreadyEnded, HandoffAccepted, HandoffOutcome, NoSuchCall, NotAnswered
from tests.core.examples import CONTACT, record
from tests.shell.harness import steps as step
from tests.shell.harness.settings import AGENT, SIGNALS, back, care
from tests.shell.harness.shell import NodeOf, Shell
from tests.shell.harness.steps import Step
from tests.shell.harness.storage import Fault

KEEPS = care(handoff={"on_signal_failure": "keep", "deadline": "3s"})
BRIDGED = (step.caller_comes, step.agent_answers)


async def after(node: Shell, *steps: Step) -> Shell:
    """The node once this has happened."""
    for one in steps:
        one(node)
        await node.settled()
    return node


async def answer(
    node: Shell, *, account: str = "acme", project: str = "care", **named: str
) -> HandoffOutcome:
    """What a voice agent hears that asks for a handoff and waits for nothing more."""
    request = HandoffRequest.model_validate(named or {"contact_id": CONTACT})
    return await node.desks.hand_off(account, project, request, 0)


async def stored(node: Shell, **changes: object) -> CallRecord:
    """A call that is on disk alone."""
    call = record(**changes)
    storing = asyncio.ensure_future(node.store.as_store.open_call(call, None))
    await node.settled()
    await storing
    return call


# -- a handoff ---------------------------------------------------------------------------------------------


async def test_a_handoff_is_accepted_once_it_is_durable_and_on_its_way(node: Shell) -> None:
    await after(node, *BRIDGED)
    outcome = await answer(node, contact_id=CONTACT, destination="sales")
    assert isinstance(outcome, HandoffAccepted)
    assert (outcome.state, outcome.caller) == ("sending", Whereabouts.VOICE_AGENT)
    handoff = await node.store.as_store.handoff(outcome.handoff_id)
    assert handoff is not None
    assert (handoff.destination, handoff.call_id) == ("sales", node.call.record.call_id)
    await node.settled()
    assert node.nice.sent == ["arrival", "handoff"]


async def test_what_had_to_be_cut_of_the_parameters_is_said_and_the_caller_goes(node: Shell) -> None:
    await after(node, *BRIDGED)
    said = {"contact_id": CONTACT, "parameters": {"p2": "x" * 21, "p3": "ä" * 10}}
    outcome = await node.desks.hand_off("acme", "care", HandoffRequest.model_validate(said), 0)
    assert isinstance(outcome, HandoffAccepted)
    ((name, text),) = outcome.warnings
    assert name == "p2"
    assert "of 21 bytes" in text
    assert "cut to 20 bytes" in text
    await node.settled()
    assert node.nice.sent == ["arrival", "handoff"]


async def test_the_call_may_be_named_by_its_own_id(node: Shell) -> None:
    await after(node, *BRIDGED)
    assert isinstance(await answer(node, call_id=node.call.record.call_id), HandoffAccepted)


async def test_a_project_that_signals_no_handoff_says_so_and_the_caller_goes_at_once(node_of: NodeOf) -> None:
    silent = care(signals={name: one for name, one in SIGNALS.items() if name != "handoff"})
    async with node_of(silent) as node:
        await after(node, *BRIDGED)
        outcome = await answer(node)
        assert isinstance(outcome, HandoffAccepted)
        assert (outcome.state, outcome.caller) == ("unsignalled", Whereabouts.ON_THE_WAY)
        assert node.nice.sent == ["arrival"]


async def test_before_the_voice_agent_has_answered_there_is_nobody_who_could_ask(node: Shell) -> None:
    node.store.plan["open_call", 1] = Fault.HANG
    await after(node, step.caller_comes)
    assert await answer(node) == NotAnswered()  # it is being recorded
    node.store.release()
    await node.settled()
    assert await answer(node) == NotAnswered()  # the voice agent is being dialled


@pytest.mark.parametrize("asks", [step.asked_by_http, step.asked_by_refer, step.asked_by_info])
async def test_the_second_one_hears_of_the_handoff_that_came_first(node: Shell, asks: Step) -> None:
    await after(node, *BRIDGED, asks)
    call_id = node.call.record.call_id
    first = await node.store.as_store.handoff_by_key("acme", "care", handoff_id=call_id)
    assert first is not None
    came_before = AlreadyEnded(End.HANDOFF, first.handoff_id)
    assert await answer(node) == came_before
    await after(node, step.nice_accepts)
    assert await answer(node) == came_before
    await after(node, step.caller_hangs_up)
    assert await answer(node, call_id=call_id) == came_before  # it is over, and known from disk
    assert node.store.trail.count("record_handoff") == 1


@pytest.mark.parametrize(
    ("first", "end"),
    [
        (step.agent_hangs_up, End.COMPLETED),
        (step.operator_ends_it, End.FAILED),
        (step.caller_hangs_up, End.CALLER),
    ],
)
async def test_one_that_comes_too_late_hears_of_the_terminal_moment(
    node: Shell, first: Step, end: End
) -> None:
    await after(node, *BRIDGED)
    call_id = node.call.record.call_id
    await after(node, first)
    assert await answer(node, call_id=call_id) == AlreadyEnded(end)


@pytest.mark.parametrize(
    ("account", "project", "named"),
    [
        ("acme", "care", {"contact_id": "1"}),
        ("acme", "care", {"call_id": "c-none"}),
        ("acme", "other", {"contact_id": CONTACT}),
        ("other", "care", {"contact_id": CONTACT}),
    ],
)
async def test_a_call_that_is_not_there_or_somebody_else_s_is_none(
    node: Shell, account: str, project: str, named: dict[str, str]
) -> None:
    await after(node, *BRIDGED)
    assert await answer(node, account=account, project=project, **named) == NoSuchCall()
    assert node.store.trail.count("record_handoff") == 0


@pytest.mark.parametrize("named", [{"call_id": "c-old"}, {"contact_id": CONTACT}])
async def test_one_that_is_over_is_known_from_disk(node: Shell, named: dict[str, str]) -> None:
    await stored(node, call_id="c-old", state="ended", ended=1.0, end="completed")
    assert await answer(node, **named) == AlreadyEnded(End.COMPLETED)
    assert await answer(node, project="other", **named) == NoSuchCall()


async def test_of_one_that_a_neighbour_has_up_no_terminal_moment_is_told(node: Shell) -> None:
    await stored(node, call_id="c-other", state="bridged")
    assert await answer(node, call_id="c-other") == AlreadyEnded()


async def test_where_it_can_t_be_stored_the_call_goes_on_and_it_may_be_asked_for_again(node: Shell) -> None:
    await after(node, *BRIDGED)
    node.store.plan["record_handoff", 1] = Fault.BEFORE
    with pytest.raises(StorageError):
        await answer(node)
    assert node.leg("caller").heard is node.leg("agent")
    assert isinstance(await answer(node), HandoffAccepted)


async def test_one_that_is_durable_though_the_storage_failed_is_taken_back_and_may_be_asked_again(
    node: Shell,
) -> None:
    await after(node, *BRIDGED)
    node.store.plan["record_handoff", 1] = Fault.AFTER
    with pytest.raises(StorageError):
        await answer(node)
    assert isinstance(await answer(node), HandoffAccepted)
    await node.settled()
    assert node.nice.sent == ["arrival", "handoff"]
    assert await node.store.terminal_on_disk(node.call.record.call_id) == [Moment.HANDOFF]


async def test_while_it_can_t_be_taken_back_it_can_t_be_asked_again(node: Shell) -> None:
    await after(node, *BRIDGED)
    node.store.plan |= {("record_handoff", 1): Fault.AFTER, ("take_back", 1): Fault.BEFORE}
    node.store.plan["take_back", 2] = Fault.BEFORE
    for _ in range(2):
        with pytest.raises(StorageError):
            await answer(node)
    assert isinstance(await answer(node), HandoffAccepted)
    await node.settled()
    assert node.nice.sent == ["arrival", "handoff"]


async def test_one_that_is_durable_is_accepted_though_nothing_can_be_read(node: Shell) -> None:
    await after(node, *BRIDGED)
    node.store.plan["signals", 1] = Fault.BEFORE
    accepted = await answer(node)
    assert isinstance(accepted, HandoffAccepted)
    assert accepted.state == "recorded"


# -- who waits for the outcome -----------------------------------------------------------------------------


async def waiting(node: Shell, wait: float | None) -> None:
    """A voice agent asks and waits for the outcome, this long."""
    request = HandoffRequest.model_validate({"contact_id": CONTACT})
    node.asked.append(asyncio.ensure_future(node.desks.hand_off("acme", "care", request, wait)))
    await node.settled()


async def test_where_the_voice_agent_may_keep_the_caller_the_answer_waits_for_that(node_of: NodeOf) -> None:
    async with node_of(KEEPS) as node:
        await after(node, *BRIDGED)
        await waiting(node, None)
        assert not node.asked[0].done()
        await after(node, step.nice_refuses)
        outcome = node.asked[0].result()
        assert isinstance(outcome, HandoffAccepted)
        assert (outcome.state, outcome.caller) == ("refused", Whereabouts.KEPT)


async def test_it_is_answered_at_once_where_that_is_certain(node: Shell) -> None:
    await after(node, *BRIDGED)
    await waiting(node, None)
    assert isinstance(node.asked[0].result(), HandoffAccepted)


async def test_whoever_wants_to_wait_waits_no_longer_than_asked(node: Shell) -> None:
    await after(node, *BRIDGED)
    await waiting(node, 2.0)
    assert not node.asked[0].done()
    await node.passes(2)
    outcome = node.asked[0].result()
    assert isinstance(outcome, HandoffAccepted)
    assert (outcome.state, outcome.caller) == ("sending", Whereabouts.VOICE_AGENT)


async def test_a_caller_who_hangs_up_meanwhile_ends_the_wait(node_of: NodeOf) -> None:
    async with node_of(KEEPS) as node:
        await after(node, *BRIDGED)
        await waiting(node, None)
        await after(node, step.caller_hangs_up)
        outcome = node.asked[0].result()
        assert isinstance(outcome, HandoffAccepted)
        assert outcome.caller is Whereabouts.GONE


# -- where the caller is -----------------------------------------------------------------------------------


async def test_the_caller_of_a_live_call_is_where_the_call_stands(node_of: NodeOf) -> None:
    async with node_of(care(handoff=back("bridge"))) as node:
        await after(node, *BRIDGED, step.asked_by_http)
        call_id = node.call.record.call_id
        assert await node.desks.whereabouts(call_id) is Whereabouts.VOICE_AGENT
        await after(node, step.nice_accepts)
        assert await node.desks.whereabouts(call_id) is Whereabouts.ON_THE_WAY
        await after(node, step.target_answers)
        assert await node.desks.whereabouts(call_id) is Whereabouts.QUEUE
        await after(node, step.target_hangs_up)
        assert await node.desks.whereabouts(call_id) is Whereabouts.GONE


@pytest.mark.parametrize(
    ("state", "ended", "where"),
    [
        ("transferred", None, Whereabouts.QUEUE),
        ("kept", None, Whereabouts.KEPT),
        ("bridged", None, Whereabouts.VOICE_AGENT),
        ("bridged", 1.0, Whereabouts.GONE),
        ("a state of another version", None, Whereabouts.GONE),
    ],
)
async def test_that_of_a_neighbour_s_call_is_known_from_disk(
    node: Shell, state: str, ended: float | None, where: Whereabouts
) -> None:
    call = await stored(node, state=state, ended=ended)
    assert await node.desks.whereabouts(call.call_id) is where


async def test_that_of_an_unknown_call_is_gone(node: Shell) -> None:
    assert await node.desks.whereabouts("c-none") is Whereabouts.GONE


# -- operations --------------------------------------------------------------------------------------------


async def test_live_calls_are_shown_as_they_stand_and_others_as_they_are_stored(node: Shell) -> None:
    await after(node, step.caller_comes)
    call_id = node.call.record.call_id
    (shown,) = node.desks.calls()
    assert (shown["call_id"], shown["state"], shown["contact_id"]) == (call_id, "dialling", CONTACT)
    assert await node.desks.call(call_id) == shown
    old = await stored(node, call_id="c-old", state="ended")
    assert await node.desks.call("c-old") == {
        name: getattr(old, name) for name in old.__slots__ if name != "version"
    }
    assert "version" not in shown, "it is the storage's own affair"
    assert await node.desks.call("c-none") is None


async def test_an_operator_ends_a_call_that_is_up_and_no_other(node: Shell) -> None:
    await after(node, *BRIDGED)
    call = node.call
    assert await node.desks.hang_up(call.record.call_id)
    assert not await node.desks.hang_up("c-none")
    await after(node, step.nice_accepts, step.caller_hangs_up)
    assert (call.record.end, call.record.reason) == ("failed", "operator")


async def test_a_story_is_told_as_long_as_it_is_known(node: Shell) -> None:
    await after(node, *BRIDGED)
    story = node.desks.story(node.call.record.call_id)
    assert story is not None
    assert [entry["text"] for entry in story if entry["text"].startswith("dial")] == [
        f"dial {AGENT} (1 of 1)"
    ]
    assert node.desks.story("c-none") is None


async def test_a_signal_that_an_operator_retries_is_told_and_sent_again(node: Shell) -> None:
    await after(node, *BRIDGED, step.asked_by_http, step.nice_refuses)
    call = node.call
    signal = (await node.store.signals_on_disk(call.record.call_id))[-1]
    retried = await node.desks.retry_signal(signal.signal_id, "ann", confirmed=True)
    assert retried.attempts[-1].detail == "by ann"
    await node.settled()
    await after(node, step.nice_accepts)
    assert node.nice.sent == ["arrival", "handoff", "handoff"]
    again = await node.desks.signal(signal.signal_id)
    assert again is not None
    assert again.state.value == "accepted"


async def test_one_that_waits_may_be_discarded_and_never_leaves(node: Shell) -> None:
    node.nice.slow = True  # the handoff waits for the arrival
    await after(node, *BRIDGED, step.asked_by_http)
    signal = (await node.store.signals_on_disk(node.call.record.call_id))[-1]
    discarded = await node.desks.discard_signal(signal.signal_id, "ann")
    assert (discarded.state.value, discarded.attempts[-1].detail) == ("cancelled", "by ann")
    await after(node, step.nice_accepts)
    assert node.nice.sent == ["arrival"]
    assert node.call.state is State.RETURNING


async def test_draining_shows_at_once(node: Shell) -> None:
    assert node.desks.readiness() == (True, "ready")
    node.desks.drain()
    assert node.desks.readiness() == (False, "draining: no new calls are taken")
    assert node.desks.end_drain()
    assert node.desks.readiness() == (True, "ready")


async def test_a_drain_of_the_process_that_ends_is_not_taken_back(node: Shell) -> None:
    node.desks.drain()
    node.switchboard.drain(for_good=True)
    assert not node.desks.end_drain()
    assert node.desks.readiness() == (False, "draining: no new calls are taken")


async def test_numbers_are_shown_by_the_rule_for_logs(node: Shell) -> None:
    assert not node.desks.numbers_shown()
    assert node.desks.alarms() == []
    assert b"handoff_calls_active" in node.desks.metrics()
