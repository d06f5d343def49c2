# SPDX-License-Identifier: GPL-3.0-or-later
"""What a target's 100 is worth: it is there, and has time to ring; but not for ever where another is left."""

from __future__ import annotations

import pytest

from tests.calls.harness.dialog import HandVoiceAgent
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import FAILOVER, VOICE_AGENT, Change, Plan
from tests.calls.harness.sip_socket import SipSocket
from tests.calls.harness.waiting import eventually, throughout

pytestmark = pytest.mark.calls

CONNECTED = {"p1": "Connected"}
PATIENT = "9995550410"


@pytest.fixture(scope="module")
def change() -> Change:
    """Half a second from a 100 to a ring; or very long, after two seconds to the 100."""

    def shorten(plan: Plan) -> None:
        failover = plan.projects["acme-failover"]["voice_agent"]
        failover["trying_timeout"] = "500ms"
        patient = plan.add("acme-patient", PATIENT)
        patient["voice_agent"] = {**failover, "response_timeout": "2s", "trying_timeout": "60s"}

    return shorten


async def test_a_voice_agent_that_says_100_has_time_to_ring(house: House) -> None:
    contact = new_contact()
    async with (
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as wire,
        house.caller("basic_call", contact, number=PATIENT, talk=100) as caller,
    ):
        bot = HandVoiceAgent(wire, 4000, contact)
        invite = await bot.asked("INVITE")
        bot.answer(invite, 100, "Trying")
        await throughout(3.0, lambda: not bot.requests("CANCEL"), "it is not given up")
        assert not caller.received("180 INVITE")
        bot.answer(invite, 180, "Ringing")
        await caller.saw("180 INVITE")
        bot.answer(invite, 200)
        await caller.succeeds()
        await bot.asked("BYE")
    await house.ended(caller, "caller", "caller_hung_up")
    await house.at_rest()


async def test_the_second_target_takes_the_call_when_the_first_says_100_and_hears_no_cancel(
    house: House,
) -> None:
    """It answers CANCEL with 200, and the INVITE never."""
    contact = new_contact()
    async with (
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as wire,
        house.voice_agent(port=house.plan.second) as second,
        house.caller("basic_call", contact, number=FAILOVER, talk=100) as caller,
    ):
        bot = HandVoiceAgent(wire, 4000, contact)
        bot.answer(await bot.asked("INVITE"), 100, "Trying")
        await bot.asked("CANCEL")
        await caller.succeeds()
        await second.succeeds()
    await house.ended(caller, "caller", "caller_hung_up")
    await house.signalled(contact, CONNECTED)
    await house.at_rest()


async def test_our_bye_waits_for_the_answer_to_the_last_notify(house: House) -> None:
    contact = new_contact()
    async with (
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as wire,
        house.caller("on_cue", contact) as caller,
    ):
        bot = HandVoiceAgent(wire, 4000, contact)
        bot.answer(await bot.asked("INVITE"), 200)
        await caller.saw("200 INVITE")
        bot.asks("REFER", 1, "Refer-To: <sip:queue@127.0.0.1>")
        first = await bot.asked("NOTIFY")
        bot.answer(first, 200)
        await eventually(lambda: len(bot.requests("NOTIFY")) == 2, what="the last NOTIFY")
        last = bot.requests("NOTIFY")[-1]
        assert "terminated" in last.first("Subscription-State")
        await throughout(0.5, lambda: not bot.requests("BYE"), "BYE waits")
        bot.answer(last, 200)
        await bot.asked("BYE")
        await caller.succeeds()
    await house.at_rest()


@pytest.mark.parametrize(
    "lines",
    [
        ("Refer-To: <sip:a@127.0.0.1>", "Refer-To: <sip:b@127.0.0.1>"),
        ("Refer-To: queue",),
        ("Refer-To: <sip:a@127.0.0.1>", "m: <sip:other@127.0.0.1>"),
    ],
    ids=["names two", "names no URI", "has a second Contact"],
)
async def test_a_refer_that(house: House, lines: tuple[str, ...]) -> None:
    contact = new_contact()
    async with (
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as wire,
        house.caller("on_cue", contact) as caller,
    ):
        bot = HandVoiceAgent(wire, 4000, contact)
        bot.answer(await bot.asked("INVITE"), 200)
        await caller.saw("200 INVITE")
        bot.asks("REFER", 1, *lines)
        await eventually(lambda: [m for m in bot.all() if m.label == "400 REFER"], what="400")
        caller.cue()
        await caller.succeeds()
        await bot.asked("BYE")
    await house.ended(caller, "caller", "caller_hung_up")
    await house.signalled(contact, CONNECTED)
    await house.at_rest()
