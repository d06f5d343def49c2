# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages that cross on the wire: whatever the order, each request is answered and nothing stays behind."""

from __future__ import annotations

import uuid

import pytest

from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.plan import CARE
from tests.calls.harness.waiting import eventually
from tests.calls.harness.wire import Wire, offer, request

pytestmark = pytest.mark.calls


async def test_a_cancel_that_crosses_the_200_changes_nothing(house: House) -> None:
    async with house.voice_agent() as bot, house.caller("cancel_crosses_answer", talk=100) as caller:
        await caller.succeeds()
        await bot.succeeds()
    await house.ended(caller, "caller", "caller_hung_up")
    await house.at_rest()


@pytest.mark.parametrize("shift", [90, 95, 100, 105, 110])
async def test_a_cancel_races_the_answer(house: House, shift: int) -> None:
    contact = new_contact()
    async with (
        house.voice_agent(talk=100, calls=0) as bot,
        house.caller("cancel_races_answer", contact, talk=shift) as caller,
    ):
        await caller.succeeds()
        await house.at_rest()
        assert bot.running
    row = await eventually(lambda: house.records.call(caller.call_id), what="a record")
    assert row is not None
    assert row["end"] == "caller"
    assert row["reason"] in ("cancelled", "caller_hung_up")


async def test_byes_cross_on_the_callers_leg(house: House) -> None:
    contact = new_contact()
    async with (
        house.voice_agent("hangs_up", talk=100) as bot,
        house.caller("bye_crosses_bye", contact) as caller,
    ):
        await caller.succeeds()
        await bot.succeeds()
    await house.signalled(contact, {"p1": "Connected"}, {"p1": "End"})
    await house.ended(caller, "completed", "completed")
    await house.at_rest()


async def test_byes_cross_on_the_voice_agents_leg(house: House) -> None:
    contact = new_contact()
    async with (
        house.voice_agent("bye_crosses_bye") as bot,
        house.caller("basic_call", contact, talk=100) as caller,
    ):
        await caller.succeeds()
        await bot.succeeds()
    await house.signalled(contact, {"p1": "Connected"})
    await house.ended(caller, "caller", "caller_hung_up")
    await house.at_rest()


async def test_an_invite_that_comes_twice_is_one_call(house: House) -> None:
    contact, call_id = new_contact(), uuid.uuid4().hex
    uri = f"sip:{CARE}@127.0.0.1:{house.plan.sip}"
    since = house.watch()
    async with house.voice_agent("rings_for_ever") as bot, Wire(house.plan.sip) as wire:
        lines = tuple(identity(contact).split("\r\n"))
        branch = f"z9hG4bK{call_id}"
        invite = request(
            "INVITE", uri, wire, call_id=call_id, branch=branch, headers=lines, body=offer(bot.rtp_port)
        )
        for _ in range(3):
            wire.send(invite)
        await eventually(lambda: 180 in wire.statuses(call_id), what="180")
        wire.send(request("CANCEL", uri, wire, call_id=call_id, branch=branch))
        await eventually(lambda: 487 in wire.statuses(call_id), what="487")
        to_tag = wire.got[-1].split(b"\r\nTo: ")[1].split(b"\r\n")[0].split(b"tag=")[-1].decode()
        wire.send(request("ACK", uri, wire, call_id=call_id, branch=branch, to_tag=to_tag))
        await bot.succeeds()
    assert len(bot.received("INVITE")) == 1
    assert since.moved("handoff_invites_total") == 1
    await house.at_rest()
