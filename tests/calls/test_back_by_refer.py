# SPDX-License-Identifier: GPL-3.0-or-later
"""The caller goes back by REFER (RFC 3515); where that fails, to the next target or by release."""

from __future__ import annotations

import asyncio

import pytest

from agent.simulators.messages import read
from tests.calls.harness.asking import handed_off, post, went_back
from tests.calls.harness.dialog import HandCaller
from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.plan import REFER, VOICE_AGENT, Change, Plan
from tests.calls.harness.referring import ACTIVE, OK, TRYING, is_taken, referred, tell
from tests.calls.harness.sip_socket import SipSocket
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls

REFER_TWO, HASTY = "9995550320", "9995550321"


@pytest.fixture(scope="module")
def change() -> Change:
    """Projects with two targets, one of which does not wait long for what becomes of a transfer."""

    def add(plan: Plan) -> None:
        two = plan.back(plan.queue, plan.overflow)
        plan.add("acme-refer-two", REFER_TWO, method="refer", targets=two)
        plan.add("acme-hasty", HASTY, method="refer", targets=two, transfer_timeout="2s")
        plan.projects["acme-refer"]["handoff"]["wait_for_bye"] = "5m"

    return add


async def test_the_refer_says_who_sends_whom_where(house: House) -> None:
    async with referred(house, REFER) as talk:
        refer = talk.caller.received("REFER")[0]
        assert refer.header("Refer-To") in {
            f"{left}sip:queue@{VOICE_AGENT}:{house.plan.queue}{right}" for left, right in (("", ""), "<>")
        }
        assert "sip:" in refer.header("Referred-By")
        assert refer.header("X-Contact-Id") == talk.contact
        assert refer.header("X-Call-Id") == talk.call_id
        talk.caller.cue("ACCEPT")
        talk.caller.cue()
        await talk.caller.succeeds()
    await handed_off(talk)


async def test_a_transfer_that_succeeded_ends_with_our_bye_at_once(house: House) -> None:
    since = house.watch()
    async with referred(house, REFER) as talk:
        talk.caller.cue("ACCEPT")
        tell(talk.caller, TRYING, ACTIVE)
        await talk.caller.saw("200 NOTIFY")
        await talk.hears_comfort()
        assert not since.moved("handoff_media_return_seconds_count"), "on its way is not there"
        tell(talk.caller, OK)
        await talk.caller.saw("BYE")
        await talk.caller.succeeds()
        answers = [one.label for one in talk.caller.messages() if not one.sent]
        assert answers.count("200 NOTIFY") == 2
        assert answers.index("BYE") > max(n for n, label in enumerate(answers) if label == "200 NOTIFY")
    await went_back(since, "refer")
    await handed_off(talk)


@pytest.mark.parametrize("answer", ["PENDING", "BUSY"])
async def test_a_refer_that_is_not_taken_just_now_is_sent_again(house: House, answer: str) -> None:
    since = house.watch()
    async with referred(house, REFER_TWO) as talk:
        first = talk.caller.received("REFER")[0]
        talk.caller.cue(answer)
        second = await talk.caller.saw("REFER", 2)
        assert second.header("Refer-To") == first.header("Refer-To")
        await is_taken(talk)
    await went_back(since, "refer")
    await handed_off(talk)


async def test_a_subscription_that_ends_without_a_word_is_followed_by_the_next_target(house: House) -> None:
    since = house.watch()
    async with referred(house, REFER_TWO) as talk:
        talk.caller.cue("ACCEPT")
        tell(talk.caller, "")
        second = await talk.caller.saw("REFER", 2)
        assert f":{house.plan.overflow}" in second.header("Refer-To")
        await is_taken(talk)
    await went_back(since, "refer")
    await handed_off(talk)


async def test_what_is_told_of_another_refer_is_not_told_of_ours(house: House) -> None:
    since = house.watch()
    async with referred(house, REFER) as talk:
        talk.caller.cue("ACCEPT")
        tell(talk.caller, OK, event="refer;id=77777")
        await talk.caller.saw("481 NOTIFY")
        assert not since.moved("handoff_media_return_seconds_count")
        number = talk.caller.received("REFER")[0].header("CSeq").split()[0]
        tell(talk.caller, OK, event=f"refer;id={number}")
        await talk.caller.saw("BYE")
        await talk.caller.succeeds()
    await went_back(since, "refer")
    await handed_off(talk)


@pytest.mark.parametrize("refusal", ["DECLINE", "FORBID", "NOTIFY 503", "NOTIFY without a final word"])
async def test_the_next_target_is_tried_after(house: House, refusal: str) -> None:
    since = house.watch()
    async with referred(house, REFER_TWO) as talk:
        if refusal.startswith("NOTIFY"):
            talk.caller.cue("ACCEPT")
            tell(talk.caller, "SIP/2.0 503 Service Unavailable" if "503" in refusal else TRYING)
        else:
            talk.caller.cue(refusal)
        second = await talk.caller.saw("REFER", 2)
        assert f":{house.plan.overflow}" in second.header("Refer-To")
        talk.caller.cue("ACCEPT")
        tell(talk.caller, OK)
        await went_back(since, "refer")
        await talk.caller.saw("BYE")
        await talk.caller.succeeds()
    await handed_off(talk)


async def test_the_caller_is_released_when_every_transfer_is_refused(house: House) -> None:
    since = house.watch()
    async with referred(house, REFER_TWO) as talk:
        talk.caller.cue("FORBID")
        await talk.caller.saw("REFER", 2)
        talk.caller.cue("DECLINE")
        await talk.hears_comfort()
        await talk.caller.saw("BYE")
        await talk.caller.succeeds()
    await went_back(since, "release")
    await handed_off(talk)


async def test_a_transfer_of_which_nothing_is_heard_ends_in_release(house: House) -> None:
    since = house.watch()
    async with referred(house, HASTY) as talk:
        talk.caller.cue("ACCEPT")
        await talk.caller.saw("BYE")
        await talk.caller.succeeds()
        assert len(talk.caller.received("REFER")) == 1, "it may yet come true: no second one"
    await went_back(since, "release")
    await handed_off(talk)


async def test_a_caller_who_hangs_up_in_the_middle_of_a_transfer_leaves_nothing_behind(house: House) -> None:
    async with referred(house, REFER) as talk:
        talk.caller.cue("ACCEPT")
        tell(talk.caller, TRYING, ACTIVE)
        await talk.caller.saw("200 NOTIFY")
        talk.caller.cue()
        await talk.caller.succeeds()
    await handed_off(talk)


async def test_a_notify_that_does_not_say_its_state_is_taken_by_what_it_says(house: House) -> None:
    contact = new_contact()
    uri = f"sip:{REFER}@127.0.0.1:{house.plan.sip}"
    async with house.voice_agent("answers") as bot, SipSocket(house.plan.sip) as near:
        caller = HandCaller(near, uri, tuple(identity(contact).split("\r\n")), 4000)
        caller.invite()
        await caller.answered("INVITE", 200)
        caller.in_dialog("ACK", 1)
        await bot.saw("ACK")
        reply = await asyncio.to_thread(post, house, "acme-refer", contact)
        assert reply.status == 202
        refer = (await eventually(lambda: caller.requests("REFER"), what="our REFER"))[0]
        near.on_request = lambda data: caller.takes(data) if read(data).method == "BYE" else None
        caller.answer(refer, 202, "Accepted")
        caller.in_dialog("NOTIFY", 2, ("Event: refer",), f"{OK}\r\n", "message/sipfrag;version=2.0")
        await caller.answered("NOTIFY", 200)
        await eventually(lambda: caller.requests("BYE"), what="our BYE")
        assert not caller.requests("SUBSCRIBE")
        assert len({one.first("CSeq") for one in caller.requests("REFER")}) == 1, "nobody else is asked"
        await bot.succeeds()
    await house.at_rest()
