# SPDX-License-Identifier: GPL-3.0-or-later
"""Which call an event of SIP belongs to, which INVITE becomes a call, and the one state of the node."""

from __future__ import annotations

import pytest

from agent.core.call import State
from agent.core.headers import parse
from agent.core.node import NodeState
from agent.core.reasons import Reason
from agent.core.records import Way
from agent.sip import events as on
from agent.sip.traffic import Traffic
from tests.core.examples import CONTACT, SDP, invite
from tests.shell.harness import steps as step
from tests.shell.harness.settings import AGENT, SECOND_AGENT, care
from tests.shell.harness.shell import NodeOf, Shell
from tests.shell.harness.sip import FakeLeg
from tests.shell.harness.steps import Step

INVITE = "INVITE sip:{}@edge SIP/2.0\r\nCall-ID: abc\r\n\r\n"


async def after(node: Shell, *steps: Step) -> Shell:
    """The node once this has happened."""
    for one in steps:
        one(node)
        await node.settled()
    return node


def counted(node: Shell) -> dict[tuple[str, str], int]:
    """INVITEs by project and result."""
    return dict(node.metrics.readings.invites)


def story(node: Shell, call_id: str) -> str:
    return "\n".join(entry.text for entry in node.stories.story(call_id) or ())


# -- INVITEs -----------------------------------------------------------------------------------------------


async def test_an_invite_that_is_admitted_becomes_a_call_of_its_own(node: Shell) -> None:
    node.arrives()
    node.arrives(f"X-ContactID: {CONTACT}", "Call-ID: other")
    await node.settled()
    assert len(node.register) == 2
    first, second = node.register.calls()
    assert first.record.call_id != second.record.call_id
    assert first.record.sip_call_id == "sip-1"
    assert (first.record.contact_id, first.record.number) == (CONTACT, "9995550100")
    assert "admitted: carrier one" in story(node, first.record.call_id)


async def test_one_that_is_refused_is_answered_counted_and_forgotten(node: Shell) -> None:
    leg = node.arrives("X-ContactID: none")
    await node.settled()
    (answer,) = leg.got
    assert answer.startswith("400 Contact id not usable, Warning: 399 handoff-agent")
    assert (len(node.register), node.admitted, node.stack.legs_alive) == (0, [], 0)
    assert counted(node) == {("care", "bad_contact_id"): 1}
    assert node.store.trail == []


async def test_one_that_the_stack_refused_is_counted_for_the_project_of_its_number(node: Shell) -> None:
    known = parse(f"INVITE sip:9995550100@edge SIP/2.0\r\nX-ContactID: {CONTACT}\r\n\r\n{SDP}")
    node.stack.emit(on.RefusedByStack("192.0.2.7", known, 488, "Not Acceptable Here"))
    node.stack.emit(on.RefusedByStack("192.0.2.7", parse(INVITE.format("1")), 500, "broken"))
    await node.settled()
    assert counted(node) == {("care", "no_codec"): 1, ("", "internal"): 1}
    assert len(node.register) == 0


async def test_refused_ones_are_kept_with_source_number_and_reason(node: Shell) -> None:
    node.arrives("X-ContactID: none")
    node.stack.emit(on.RefusedByStack("192.0.2.9", parse(INVITE.format("+44")), 488, "no codec"))
    node.stack.invite("203.0.113.9", parse(INVITE.format("+55")))
    node.stack.invite("no address", parse(INVITE.format("+66")))
    await node.settled()
    kept = node.chronicle.refusals.newest()
    assert [(one.source, one.number, one.project, one.code, one.reason) for one in kept] == [
        ("no address", "66", "", 500, "internal"),
        ("203.0.113.9", "55", "", 403, "unknown_source"),
        ("192.0.2.9", "44", "", 488, "no_codec"),
        ("192.0.2.7", "9995550100", "care", 400, "bad_contact_id"),
    ]
    assert node.desks.refused()[0]["call_id"] == kept[0].call_id
    assert all(story(node, one.call_id).startswith("refused: ") for one in kept)


async def test_a_project_at_its_limit_refuses_the_next_until_one_ends(node_of: NodeOf) -> None:
    async with node_of(care(limits={"calls": 1})) as node:
        first, second = node.arrives(), node.arrives()
        await node.settled()
        assert second.got == ["503 Over limit, Retry-After: 2"]
        first.ends(487)
        await node.settled()
        third = node.arrives()
        await node.settled()
        assert third.up
        assert node.register.of_project("care") == 1


async def test_an_error_in_the_intake_refuses_the_caller_and_no_other_one(node: Shell) -> None:
    leg = node.stack.invite("no address", invite().message)
    node.arrives()
    await node.settled()
    assert leg.got == ["500 The agent could not go on with the call"]
    assert [str(error) for error in node.broke] == [
        "'no address' does not appear to be an IPv4 or IPv6 address"
    ]
    assert counted(node) == {("", "internal"): 1}
    assert len(node.register) == 1


async def test_one_that_comes_after_it_stands_in_the_register_takes_the_call_out_again(
    node: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("planned")

    monkeypatch.setattr(node.chronicle, "admitted", broken)
    leg = node.arrives()
    await node.settled()
    assert leg.got == ["500 The agent could not go on with the call"]
    assert (len(node.register), node.store.trail) == (0, [])


async def test_a_guard_that_can_t_be_told_is_told_at_the_next_look(node_of: NodeOf) -> None:
    async with node_of(care(), calls=1) as node:
        node.stack.verbs.plan["stack.apply", 2] = RuntimeError("planned")
        node.arrives()
        await node.settled()
        assert node.call.state is State.DIALLING
        assert [status.state for status in node.stack.applied] == [NodeState.READY]
        await node.passes(1)
        assert [status.state for status in node.stack.applied] == [NodeState.READY, NodeState.FULL]


async def test_a_node_in_which_errors_come_again_and_again_says_so_and_takes_calls(node: Shell) -> None:
    for _ in range(3):
        node.stack.invite("no address", invite().message)
    await node.settled()
    node.switchboard.refresh()
    assert (node.stack.applied[-1].state, node.stack.applied[-1].ready) == (NodeState.DEGRADED, True)
    ready, why = node.desks.readiness()
    assert ready
    assert "intake" in why
    node.arrives()
    await node.settled()
    assert len(node.register) == 1


# -- events of legs ----------------------------------------------------------------------------------------


async def test_events_of_a_leg_of_nobody_are_passed_over(node: Shell) -> None:
    stranger = FakeLeg(node.stack.verbs, node.stack.emit, "agent", "sip-9")
    for event in (
        on.Digit(stranger.key, "5"),
        on.Confirmed(stranger.key),
        on.Provisional(stranger.key, 180, media=False),
        on.TransferProgress(stranger.key, 200, final=True),
        on.Ended(stranger.key, 200, "", traffic=Traffic(received=7)),
    ):
        node.switchboard.on_sip_event(event)
    assert b"handoff_rtp_packets_received_total 7.0" in node.metrics.render()[0]


async def test_what_a_leg_that_was_given_up_still_says_is_passed_over(node_of: NodeOf) -> None:
    async with node_of(care(AGENT, SECOND_AGENT)) as node:
        await after(node, step.caller_comes)
        first = node.leg("agent")
        await node.passes(5)
        assert first.got[-1] == "CANCEL"
        node.switchboard.on_sip_event(on.Confirmed(first.key))
        assert node.call.state is State.DIALLING
        assert node.leg("agent") is not first


async def test_the_late_end_of_a_first_target_does_not_end_the_dial_to_the_second(node_of: NodeOf) -> None:
    async with node_of(care(AGENT, SECOND_AGENT)) as node:
        await after(node, step.caller_comes)
        first = node.leg("agent")
        await node.passes(5)  # its end was reported meanwhile
        assert not first.alive
        node.switchboard.on_sip_event(on.Ended(first.key, 487, ""))
        await after(node, step.agent_answers)
        assert node.call.state is State.BRIDGED


async def test_the_end_of_a_leg_of_a_call_that_is_over_is_measured_and_forgotten(node: Shell) -> None:
    await after(node, step.caller_comes, step.agent_answers)
    agent, call = node.leg("agent"), node.call
    node.leg("caller").ends(200)
    await node.settled()
    assert (len(node.register), node.register.by_leg(agent.key)) == (0, None)
    assert "agent: 0 RTP packets in" in story(node, call.record.call_id)


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (lambda leg: on.Provisional(leg, 180, media=False), State.DIALLING),
        (lambda leg: on.TransferProgress(leg, 200, final=True), State.DIALLING),
        (lambda leg: on.Referred(leg, parse(INVITE.format("1")), 7), State.DIALLING),
        (lambda leg: on.Informed(leg, "{}"), State.DIALLING),
        (on.Confirmed, State.DIALLING),
    ],
)
async def test_what_means_nothing_on_the_caller_s_side_changes_nothing(
    node: Shell, event: step.EventOf, state: State
) -> None:
    await after(node, step.caller_comes)
    caller = node.leg("caller")
    node.switchboard.on_sip_event(event(caller.key))
    assert (node.call.state, caller.got) == (state, [])


async def test_progress_and_digits_go_to_the_call_with_their_side(node: Shell) -> None:
    await after(node, step.caller_comes, step.agent_rings, step.agent_answers)
    await after(node, step.caller_presses, step.agent_presses)
    assert node.leg("caller").got == ["180", "200", "digit 7"]
    assert node.leg("agent").got[1:] == ["digit 5"]


@pytest.mark.parametrize(
    ("asked", "way"),
    [(step.asked_by_refer, Way.REFER), (step.asked_by_info, Way.INFO), (step.asked_by_bye, Way.BYE)],
)
async def test_a_voice_agent_asks_on_its_leg(node: Shell, asked: Step, way: Way) -> None:
    await after(node, step.caller_comes, step.agent_answers, asked)
    call_id = node.call.record.call_id
    handoff = await node.store.as_store.handoff_by_key("acme", "care", handoff_id=call_id)
    assert handoff is not None
    assert (handoff.way, handoff.destination) == (way, "sales")
    assert f"asks for a handoff by {way.value.upper()}" in story(node, call_id)


async def test_a_bye_without_the_project_s_headers_hands_nothing_back(node: Shell) -> None:
    await after(node, step.caller_comes, step.agent_answers)
    call = node.call
    await after(node, step.agent_hangs_up)
    assert call.state is State.TELLING_ALONE
    assert node.store.trail.count("record_handoff") == 0
    assert node.nice.sent == ["arrival", "completed"]


async def test_one_that_asks_a_second_time_on_its_leg_hears_that_it_is_too_late(node: Shell) -> None:
    await after(node, step.caller_comes, step.agent_answers, step.asked_by_http, step.asked_by_refer)
    assert node.leg("agent").got[1:] == ["NOTIFY 503 of 7"]
    assert node.store.trail.count("record_handoff") == 1


async def test_a_bye_of_a_leg_that_was_given_up_asks_for_nothing(node_of: NodeOf) -> None:
    async with node_of(care(AGENT, SECOND_AGENT)) as node:
        await after(node, step.caller_comes)
        first, call = node.leg("agent"), node.call
        await node.passes(5)
        await after(node, step.agent_answers)
        bye = parse("BYE sip:edge SIP/2.0\r\nX-Handoff-Destination: sales\r\n\r\n")
        node.register.add_leg(first.key, call)  # as long as its end is not reported
        node.switchboard.on_sip_event(on.Ended(first.key, 200, "", bye))
        assert call.state is State.BRIDGED
        assert "asks for a handoff" not in story(node, call.record.call_id)


# -- the node ----------------------------------------------------------------------------------------------


def told(node: Shell) -> list[NodeState]:
    """The states that the guard was told."""
    return [status.state for status in node.stack.applied]


async def test_the_guard_is_told_of_each_state_once(node: Shell) -> None:
    node.switchboard.refresh()
    assert told(node) == [NodeState.READY]
    node.store.fault = "the disk is full"
    node.switchboard.refresh()
    node.switchboard.refresh()
    assert node.desks.readiness() == (False, "calls can't be recorded: the disk is full")
    node.store.fault = None
    node.switchboard.refresh()
    node.switchboard.drain()
    node.switchboard.drain()
    assert told(node) == [NodeState.READY, NodeState.FAULTY, NodeState.READY, NodeState.DRAINING]


async def test_so_is_the_log(node: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    node.switchboard.drain()
    node.switchboard.refresh()
    assert capsys.readouterr().err.count('"event": "node state"') == 1


async def test_the_last_call_that_fits_makes_the_node_full_and_its_end_ready_again(node_of: NodeOf) -> None:
    async with node_of(care(), calls=1) as node:
        leg, refused = node.arrives(), node.arrives()
        await node.settled()
        assert refused.got == ["503 Over limit, Retry-After: 2"]
        assert told(node) == [NodeState.READY, NodeState.FULL]
        leg.ends(487)
        await node.settled()
        assert told(node) == [NodeState.READY, NodeState.FULL, NodeState.READY]
        assert node.switchboard.status.ready


async def test_a_node_that_drains_refuses_calls_and_keeps_those_that_are_up(node: Shell) -> None:
    await after(node, step.caller_comes, step.agent_answers)
    node.switchboard.drain()
    refused = node.arrives()
    await node.settled()
    assert refused.got == ["503 Draining, Retry-After: 60"]
    assert node.call.state is State.BRIDGED


async def test_ending_all_ends_each_with_its_failed_moment(node: Shell) -> None:
    await after(node, step.caller_comes, step.agent_answers)
    ringing = node.arrives()
    await node.settled()
    bridged, dialling = node.register.calls()
    node.switchboard.end_all(Reason.SHUTDOWN)
    await node.settled()
    for _ in range(2):  # one signal of a contact at a time
        step.nice_accepts(node)
        await node.settled()
    await node.passes(6)
    assert ringing.got == ["480 No voice agent answered"]
    assert (bridged.record.end, bridged.record.reason) == ("failed", "shutdown")
    assert (dialling.record.end, dialling.record.reason) == ("failed", "shutdown")
    assert node.nice.sent == ["arrival", "arrival", "failed", "failed"]
    await node.register.idle()
