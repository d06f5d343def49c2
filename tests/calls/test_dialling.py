# SPDX-License-Identifier: GPL-3.0-or-later
"""Voice agents that do not answer, and callers who do not wait: failover, 480, 487."""

from __future__ import annotations

import pytest

from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import FAILOVER, LOST, Change, Plan
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls

CONNECTED = {"p1": "Connected"}
ESCALATE = {"p1": "Escalate", "p3": "no_agent"}


@pytest.fixture(scope="module")
def change() -> Change:
    """A short ring time."""

    def shorten(plan: Plan) -> None:
        plan.agent["limits"]["ring"] = "3s"

    return shorten


@pytest.mark.parametrize("first", ["busy", "unavailable", "rejects_codecs"])
async def test_the_second_target_takes_the_call_when_the_first_is(house: House, first: str) -> None:
    contact = new_contact()
    since = house.watch()
    async with (
        house.voice_agent(first) as lost,
        house.voice_agent(port=house.plan.second) as bot,
        house.caller("basic_call", contact, number=FAILOVER, talk=100) as caller,
    ):
        await caller.succeeds()
        await bot.succeeds()
        await lost.succeeds()
    await house.ended(caller, "caller", "caller_hung_up")
    await house.signalled(contact, CONNECTED)
    assert since.moved("handoff_invites_total", project="acme-failover", result="answered") == 1
    await house.at_rest()


async def test_the_second_target_takes_the_call_when_the_first_is_silent(house: House) -> None:
    async with (
        house.voice_agent("silent", port=house.plan.lost) as lost,
        house.voice_agent(port=house.plan.second) as bot,
        house.caller("basic_call", number=LOST, talk=100) as caller,
    ):
        await caller.succeeds()
        await bot.succeeds()
        assert lost.received("INVITE")
    await house.ended(caller, "caller", "caller_hung_up")
    await house.at_rest(45)


async def test_the_second_target_takes_the_call_when_nothing_listens_at_the_first(house: House) -> None:
    async with (
        house.voice_agent(port=house.plan.second) as bot,
        house.caller("basic_call", number=LOST, talk=100) as caller,
    ):
        await caller.succeeds()
        await bot.succeeds()


@pytest.mark.parametrize("both", ["busy", "unavailable"])
async def test_480_comes_after_the_script_was_told_when_all_targets_are(house: House, both: str) -> None:
    contact = new_contact()
    since = house.watch()
    async with (
        house.voice_agent(both) as one,
        house.voice_agent(both, port=house.plan.second) as two,
        house.caller("refused", contact, number=FAILOVER) as caller,
    ):
        await caller.succeeds()
        await one.succeeds()
        await two.succeeds()
    refusal = caller.received("480 INVITE")[0]
    await house.signalled(contact, CONNECTED, ESCALATE)
    assert house.cxone.signals(contact)[1]["received"] <= refusal.at
    await house.ended(caller, "failed", "no_agent")
    assert since.moved("handoff_invites_total", project="acme-failover", result="no_agent") == 1
    assert since.moved("handoff_calls_total", project="acme-failover", end="failed") == 1
    await house.at_rest()


async def test_a_voice_agent_that_only_rings_is_cancelled_and_the_caller_gets_480(house: House) -> None:
    contact = new_contact()
    async with house.voice_agent("rings_for_ever") as bot, house.caller("refused", contact) as caller:
        await caller.succeeds()
        await bot.succeeds()
    assert caller.received("480 INVITE")
    await house.signalled(contact, CONNECTED, ESCALATE)
    await house.ended(caller, "failed", "no_agent")


async def test_a_caller_who_gives_up_gets_487_and_the_voice_agent_a_cancel(house: House) -> None:
    contact = new_contact()
    since = house.watch()
    async with (
        house.voice_agent("rings_for_ever") as bot,
        house.caller("cancels_while_ringing", contact) as caller,
    ):
        await caller.succeeds()
        await bot.succeeds()
    row = await house.ended(caller, "caller", "cancelled")
    assert since.moved("handoff_invites_total", result="cancelled") == 1
    assert since.moved("handoff_calls_total", end="caller") == 1
    await house.at_rest()
    states = {signal["moment"]: signal["state"] for signal in house.records.signals(row["call_id"])}
    assert set(states) == {"arrival"}, "a caller who gives up is no terminal moment"
    assert states["arrival"] in ("accepted", "cancelled")


async def test_a_voice_agent_that_answers_despite_our_cancel_is_hung_up(house: House) -> None:
    async with (
        house.voice_agent("answers_despite_cancel") as bot,
        house.caller("cancels_while_ringing") as caller,
    ):
        await caller.succeeds()
        await bot.succeeds()
    await house.ended(caller, "caller", "cancelled")
    await house.at_rest()


@pytest.mark.parametrize("folly", ["answers_without_sdp", "answers_with_broken_sdp"])
async def test_an_answer_that_can_not_be_bridged_ends_that_leg(house: House, folly: str) -> None:
    async with (
        house.voice_agent(folly, folder="misbehaving/voice_agents") as bot,
        house.caller("refused") as caller,
    ):
        await caller.succeeds()
        await bot.succeeds()
    assert not bot.sent("BYE")
    await eventually(lambda: house.records.call(caller.call_id), what="a record")
    await house.at_rest()


async def test_a_180_after_the_200_changes_nothing(house: House) -> None:
    async with (
        house.voice_agent("rings_after_answer", folder="misbehaving/voice_agents") as bot,
        house.caller("basic_call", talk=200) as caller,
    ):
        await caller.succeeds()
        await bot.succeeds()
