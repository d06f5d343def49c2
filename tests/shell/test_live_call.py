# SPDX-License-Identifier: GPL-3.0-or-later
"""How a call carries out what its state machine asks for, where the lives of `test_lives` do not look."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agent.core.call import State
from agent.core.errors import SipError, StorageError
from agent.core.moments import Moment, SignalState
from agent.core.reasons import End
from agent.core.uris import sip_uri
from agent.http.ports import AlreadyEnded, HandoffAccepted
from agent.sip.resolver import Hop
from tests.core.examples import CONTACT
from tests.shell.harness import steps as step
from tests.shell.harness.settings import AGENT, QUEUE, SECOND_AGENT, back, care
from tests.shell.harness.shell import NodeOf, Shell
from tests.shell.harness.sip import FakeLeg
from tests.shell.harness.steps import Step
from tests.shell.harness.storage import Fault

BRIDGED = (step.caller_comes, step.agent_answers)
BY_NAME = "sip:bot@bot.example"


async def after(node: Shell, *steps: Step) -> Shell:
    """The node once this has happened."""
    for one in steps:
        one(node)
        await node.settled()
    return node


def dialled(node: Shell, role: str = "agent") -> list[str]:
    """The addresses that were dialled, in order."""
    return [leg.hop.address for leg in node.stack.all if leg.role == role and leg.hop is not None]


def address_of(uri: str) -> str:
    """The address that a URI names."""
    return sip_uri(uri).host


def looking_up(node: Shell) -> None:
    """The voice agent has an address, but the name server does not answer yet."""
    node.names.addresses_of["bot.example"] = ("10.0.0.8",)
    node.names.answering.clear()


def invites(node: Shell) -> dict[str, int]:
    """INVITEs by result."""
    return {result: count for (_, result), count in node.metrics.readings.invites.items()}


# -- dialling ----------------------------------------------------------------------------------------------


async def test_the_voice_agent_is_dialled_for_the_caller_with_the_project_s_headers(node_of: NodeOf) -> None:
    voice_agent = {"targets": [{"uri": AGENT}], "headers": {"X-Contact-Id": "{contact_id}"}}
    async with node_of(care(voice_agent=voice_agent)) as node:
        node.arrives(f"X-ContactID: {CONTACT}", "From: <sip:+14155550123@peer>;tag=1", "Max-Forwards: 10")
        await node.settled()
        assert node.leg("agent").got == [f"INVITE {AGENT} from +14155550123 hops 9, X-Contact-Id: {CONTACT}"]
        assert node.leg("agent").takes_handoffs


async def test_a_target_to_go_back_to_may_not_hand_off(node_of: NodeOf) -> None:
    async with node_of(care(handoff=back("bridge"))) as node:
        await after(node, *BRIDGED, step.asked_by_http, step.nice_accepts)
        assert not node.leg("target").takes_handoffs
        assert node.leg("target").got[0].startswith(f"INVITE {QUEUE} from anonymous hops 69, X-Contact-Id: ")


async def test_nothing_is_dialled_for_a_caller_who_hung_up_while_the_voice_agent_was_let_go_of(
    node_of: NodeOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[Callable[[], None]] = []  # for the answer to a NOTIFY
    monkeypatch.setattr(FakeLeg, "when_left", lambda _, then: waiting.append(then))
    async with node_of(care(handoff=back("bridge"))) as node:
        await after(node, *BRIDGED, step.asked_by_http, step.nice_accepts, step.caller_hangs_up)
        story = node.stories.story(node.admitted[0].record.call_id)
        (dials,) = waiting
        dials()
        await node.settled()
        assert "target.dial" not in node.verbs
        assert story is not None
        assert story == node.stories.story(node.admitted[0].record.call_id), "nor is it told of"


async def test_a_name_is_looked_up_before_it_is_dialled(node_of: NodeOf) -> None:
    async with node_of(care(BY_NAME)) as node:
        looking_up(node)
        await after(node, step.caller_comes)
        assert node.verbs == []
        node.names.answering.set()
        await node.settled()
        assert node.leg("agent").got[0].startswith(f"INVITE {BY_NAME} from ")
        assert node.leg("agent").hop == Hop("udp", "10.0.0.8", 5060)


async def test_nobody_is_dialled_for_a_caller_who_gave_up_while_the_name_was_looked_up(
    node_of: NodeOf,
) -> None:
    async with node_of(care(BY_NAME)) as node:
        looking_up(node)
        await after(node, step.caller_comes, step.caller_hangs_up)
        node.names.answering.set()
        await node.settled()
        assert node.verbs == []
        assert len(node.register) == 0
        assert node.broke == []


async def test_nor_is_a_target_that_was_given_up_meanwhile(node_of: NodeOf) -> None:
    async with node_of(care(BY_NAME, SECOND_AGENT)) as node:
        looking_up(node)
        await after(node, step.caller_comes)
        await node.passes(5)
        assert node.verbs == ["agent.dial"]
        node.names.answering.set()
        await node.settled()
        assert [leg.got[0].split()[1] for leg in node.stack.all if leg.role == "agent"] == [SECOND_AGENT]


async def test_a_name_without_an_address_is_a_target_that_does_not_answer(
    node_of: NodeOf,
) -> None:
    async with node_of(care(BY_NAME, SECOND_AGENT)) as node:
        await after(node, step.caller_comes)
        assert node.leg("agent").got[0].split()[1] == SECOND_AGENT
        story = node.stories.story(node.call.record.call_id)
        assert story is not None
        assert any(f"{BY_NAME}: bot.example can't be looked up" in entry.text for entry in story)


@pytest.mark.parametrize("status", [408, 503])
async def test_a_dead_address_is_followed_by_the_next_before_the_next_target(
    node_of: NodeOf, status: int
) -> None:
    async with node_of(care(BY_NAME, SECOND_AGENT)) as node:
        node.names.addresses_of["bot.example"] = ("10.0.0.7", "10.0.0.8")
        await after(node, step.caller_comes)
        node.leg("agent").ends(status)
        await node.settled()
        assert dialled(node) == ["10.0.0.7", "10.0.0.8"]
        assert node.leg("agent").heeded == ("10.0.0.7", "10.0.0.8")
        node.leg("agent").ends(status)
        await node.settled()
        assert dialled(node) == ["10.0.0.7", "10.0.0.8", address_of(SECOND_AGENT)]


async def test_so_is_a_silent_one(node_of: NodeOf) -> None:
    async with node_of(care(BY_NAME, SECOND_AGENT)) as node:
        node.names.addresses_of["bot.example"] = ("10.0.0.7", "10.0.0.8")
        await after(node, step.caller_comes)
        await node.passes(5)
        assert dialled(node) == ["10.0.0.7", "10.0.0.8"]
        node.leg("agent").picks_up()
        await node.settled()
        assert node.call.state is State.BRIDGED


@pytest.mark.parametrize("rings", [False, True])
async def test_who_refuses_or_rang_is_there_and_its_other_addresses_are_left_alone(
    node_of: NodeOf,
    rings: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    async with node_of(care(BY_NAME, SECOND_AGENT)) as node:
        node.names.addresses_of["bot.example"] = ("10.0.0.7", "10.0.0.8")
        await after(node, step.caller_comes)
        if rings:
            node.leg("agent").rings()
            await node.settled()
        node.leg("agent").ends(503 if rings else 486)
        await node.settled()
        assert dialled(node) == ["10.0.0.7", address_of(SECOND_AGENT)]


async def test_the_next_call_tries_an_address_at_which_somebody_was_heard_first(node_of: NodeOf) -> None:
    async with node_of(care(BY_NAME)) as node:
        node.names.addresses_of["bot.example"] = ("10.0.0.7", "10.0.0.8")
        await after(node, step.caller_comes)
        node.leg("agent").ends(503)
        await node.settled()
        await after(node, step.caller_comes)
        assert dialled(node) == ["10.0.0.7", "10.0.0.8", "10.0.0.8"]


async def test_a_target_to_go_back_to_has_its_addresses_tried_alike(node_of: NodeOf) -> None:
    queue = "sip:queue@queue.example;transport=udp;tenant=x"
    async with node_of(care(handoff=back("bridge", queue, QUEUE))) as node:
        node.names.addresses_of["queue.example"] = ("10.0.0.7", "10.0.0.8")
        await after(node, *BRIDGED, step.asked_by_http, step.nice_accepts)
        node.leg("target").ends(503)
        await node.settled()
        assert dialled(node, "target") == ["10.0.0.7", "10.0.0.8"]
        assert node.leg("target").got[0].startswith(f"INVITE {queue} from ")
        node.leg("target").ends(503)
        await node.settled()
        assert dialled(node, "target")[2:] == [address_of(QUEUE)]


# -- answering ---------------------------------------------------------------------------------------------


async def test_our_answer_carries_what_the_script_may_read(node_of: NodeOf) -> None:
    async with node_of(care(answer_headers={"X-Contact": "{contact_id}"})) as node:
        await after(node, *BRIDGED)
        assert node.leg("caller").got == [f"200, X-Contact: {CONTACT}"]
        assert node.call.record.answered is not None
        assert invites(node) == {"answered": 1}


@pytest.mark.parametrize(
    ("status", "reason", "result"),
    [(488, "internal", "internal"), (500, "internal", "internal"), (503, "caller_lost", "cancelled")],
)
async def test_a_stack_that_gives_the_caller_up_instead_of_answering_fails_the_call(
    node: Shell, status: int, reason: str, result: str
) -> None:
    node.stack.verbs.plan["caller.answer", 1] = None
    await after(node, step.caller_comes, step.nice_accepts)
    node.leg("caller").in_vain = status
    call = node.call
    await after(node, step.agent_answers)
    assert (call.record.end, call.record.reason, call.record.answered) == ("failed", reason, None)
    assert invites(node) == {result: 1}
    signals = await node.store.signals_on_disk(call.record.call_id)
    assert [one.moment for one in signals] == [Moment.ARRIVAL, Moment.FAILED]
    assert not node.leg("agent").up


async def test_a_cancel_that_was_quicker_than_our_answer_leaves_no_answered_call(node: Shell) -> None:
    node.stack.verbs.plan["caller.answer", 1] = None
    await after(node, step.caller_comes)
    call = node.call
    await after(node, step.agent_answers)
    assert (call.record.end, call.record.reason, call.record.answered) == ("caller", "cancelled", None)
    assert node.leg("agent").got[-1] == "BYE"
    assert invites(node) == {"cancelled": 1}
    assert len(node.register) == 0


# -- handing off -------------------------------------------------------------------------------------------


async def test_of_two_that_ask_at_the_same_time_one_is_accepted(node: Shell) -> None:
    await after(node, *BRIDGED)
    node.hands_off()
    node.hands_off()
    await node.settled()
    first, second = (asking.result() for asking in node.asked)
    assert isinstance(first, HandoffAccepted)
    assert second == AlreadyEnded(End.HANDOFF, first.handoff_id)
    assert node.store.trail.count("record_handoff") == 1


async def test_a_handoff_that_crosses_the_end_of_the_call_comes_second(node: Shell) -> None:
    await after(node, *BRIDGED)
    node.store.plan["record_signal", 1] = Fault.HANG
    await after(node, step.agent_hangs_up, step.asked_by_http)
    assert node.asked[0].result() == AlreadyEnded(End.COMPLETED)


async def test_the_target_that_a_refer_names_is_tried_first_where_the_project_allows_it(
    node_of: NodeOf,
) -> None:
    allowed = back("bridge", refer_to_allowed=["sip:*@cc.example"])
    async with node_of(care(handoff=allowed)) as node:
        await after(node, *BRIDGED, step.asked_by_refer)
        handoff = node.call.asking.handoff
        assert handoff is not None
        assert handoff.target == "sip:sales@cc.example"


async def faulty(node: Shell, *operations: str, times: int = 8) -> None:
    """Let the storage refuse these from now on, so many times."""
    for operation in operations:
        done = node.store.trail.count(operation)
        for number in range(done + 1, done + times + 1):
            node.store.plan[operation, number] = Fault.BEFORE


async def test_what_can_t_be_stored_when_the_voice_agent_hangs_up_is_told_when_the_storage_is_back(
    node: Shell,
) -> None:
    await after(node, *BRIDGED)
    call = node.call
    await faulty(node, "record_signal")
    await after(node, step.agent_hangs_up)
    assert node.leg("caller").got == ["200", "BYE"], "the caller is not held up for it"
    await node.passes(3)
    on_disk = await node.store.on_disk(call.record.call_id)
    assert on_disk is not None
    assert on_disk.ended is None, "a process that dies now leaves a call that is told as failed"
    assert node.saves.owed == 1
    node.store.plan.clear()
    await node.passes(1)
    assert node.nice.sent == ["arrival", "completed"]
    assert await node.store.terminal_on_disk(call.record.call_id) == [Moment.COMPLETED]
    on_disk = await node.store.on_disk(call.record.call_id)
    assert on_disk is not None
    assert (on_disk.end, on_disk.reason) == ("completed", "completed")
    assert node.saves.owed == 0


async def test_a_handoff_of_a_voice_agent_that_is_gone_is_kept_with_all_that_it_said(node_of: NodeOf) -> None:
    hook = {"url": "https://crm.example/handoffs", "secret": "made up"}
    async with node_of(care(webhook=hook)) as node:
        await after(node, *BRIDGED)
        call_id = node.call.record.call_id
        await faulty(node, "record_handoff")
        await after(node, step.asked_by_bye)
        await node.passes(2)
        assert node.nice.sent == ["arrival"]
        node.store.plan.clear()
        await node.passes(1)
        assert node.nice.sent == ["arrival", "handoff"]
        assert len(node.nice.posted) == 1
        assert await node.store.terminal_on_disk(call_id) == [Moment.HANDOFF]


async def test_one_that_is_taken_back_while_it_waits_never_leaves(node_of: NodeOf) -> None:
    async with node_of(care(handoff=back("release", on_signal_failure="refer"))) as node:
        await after(node, *BRIDGED)
        call_id = node.call.record.call_id
        await faulty(node, "record_handoff")
        await after(node, step.asked_by_bye)
        assert node.call.state is State.REFERRING
        node.store.plan.clear()
        await node.passes(1)
        (signal,) = [one for one in await node.store.signals_on_disk(call_id) if one.moment.terminal]
        assert (signal.state, node.nice.sent) == (SignalState.CANCELLED, ["arrival"])


async def test_a_moment_whose_record_hangs_past_the_deadline_and_fails_then_is_told_all_the_same(
    node: Shell,
) -> None:
    await after(node, *BRIDGED)
    call = node.call
    node.store.plan["record_signal", 1] = Fault.HANG
    await after(node, step.operator_ends_it)
    await node.passes(4)
    await after(node, step.caller_hangs_up)
    assert call.state is State.ENDED
    node.store.fails_when_released = True
    node.store.release()
    await node.settled()
    assert node.nice.sent == ["arrival", "failed"]
    on_disk = await node.store.on_disk(call.record.call_id)
    assert on_disk is not None
    assert on_disk.end == "failed"


async def test_comfort_audio_that_can_t_be_played_is_silence_and_the_caller_goes_back(node: Shell) -> None:
    await after(node, *BRIDGED, step.asked_by_http)
    node.stack.verbs.plan["comfort.player", 1] = SipError("can't play /missing.wav")
    await after(node, step.nice_accepts)
    assert node.call.state is State.RETURNING
    assert node.leg("caller").heard is None
    assert node.leg("agent").got[-1] == "BYE"
    assert [str(error) for error in node.broke] == ["can't play /missing.wav"]


async def test_a_watch_that_can_t_measure_once_looks_again(node: Shell) -> None:
    await after(node, *BRIDGED)
    node.leg("agent").silent = True
    node.stack.verbs.plan["caller.measure", 1] = RuntimeError("planned")
    await node.passes(90)
    assert [str(error) for error in node.broke] == ["planned"]
    assert node.nice.sent == ["arrival", "failed"]


async def test_a_mistake_in_the_machine_leaves_nobody_on_the_line(
    node: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    await after(node, *BRIDGED)
    call = node.call

    def broken(_: object) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(call._machine, "handle", broken)
    await after(node, step.asked_by_info)
    assert not any(leg.up for leg in node.stack.all)
    assert (len(node.register), call._actions._clocks._running) == (0, {})
    on_disk = await node.store.on_disk(call.record.call_id)
    assert on_disk is not None
    assert on_disk.ended is None, "the next process tells its script that it failed"


# -- the record of the call --------------------------------------------------------------------------------


async def test_a_call_that_can_t_be_recorded_is_refused_and_may_come_again(node: Shell) -> None:
    node.store.plan["open_call", 1] = Fault.BEFORE
    leg = node.arrives()
    await node.settled()
    assert leg.got == ["503 Not ready, Retry-After: 10"]
    assert invites(node) == {"not_ready": 1}
    assert (len(node.register), node.nice.sent) == (0, [])
    assert b"handoff_calls_total{" not in node.metrics.render()[0], "a call that never was is not counted"


async def test_a_mistake_of_ours_there_refuses_the_caller_too_and_is_told(
    node: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ValueError("a mistake")

    monkeypatch.setattr(node.store, "open_call", broken, raising=False)
    leg = node.arrives()
    await node.settled()
    assert leg.got == ["503 Not ready, Retry-After: 10"]
    assert [str(error) for error in node.broke] == ["a mistake"]
    assert len(node.register) == 0


async def test_a_mistake_of_ours_at_a_handoff_is_told_to_whoever_asked(
    node: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ValueError("a mistake")

    await after(node, *BRIDGED)
    monkeypatch.setattr(node.store, "record_handoff", broken, raising=False)
    await after(node, step.asked_by_http)
    told = node.asked[0].exception()
    assert (type(told), str(told)) == (RuntimeError, "ValueError: a mistake")
    assert node.call.state is State.BRIDGED
    assert [str(error) for error in node.broke] == ["a mistake"]


async def test_a_state_that_could_not_be_stored_is_stored_once_the_storage_is_back(node: Shell) -> None:
    node.store.plan["update_call", 1] = Fault.BEFORE
    await after(node, *BRIDGED)
    call_id = node.call.record.call_id
    assert node.not_stored == ["bridged"]
    on_disk = await node.store.on_disk(call_id)
    assert on_disk is not None
    assert on_disk.state == "recording"
    await node.passes(1)
    on_disk = await node.store.on_disk(call_id)
    assert on_disk is not None
    assert on_disk.state == "bridged"


async def test_a_voice_agent_on_http_learns_that_nothing_is_durable(node: Shell) -> None:
    await after(node, *BRIDGED)
    node.store.plan["record_handoff", 1] = Fault.BEFORE
    await after(node, step.asked_by_http)
    assert isinstance(node.asked[0].exception(), StorageError)
    assert node.call.state is State.BRIDGED
