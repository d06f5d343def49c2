# SPDX-License-Identifier: GPL-3.0-or-later
"""REFER on the voice agent's leg (RFC 3515) asks for a handoff; what it names is dialled by permission."""

from __future__ import annotations

import pytest

from tests.calls.harness.asking import CONNECTED, PATH
from tests.calls.harness.dialog import talking_by_hand
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import VOICE_AGENT, Change, Plan, patient
from tests.calls.harness.sipp import Sipp
from tests.calls.harness.talk import queue, talking

pytestmark = pytest.mark.calls

SHUT, OPEN, DESKS, LEFT, PATIENT = (f"999555030{last}" for last in range(5))
ELSEWHERE = "Refer-To: <sip:billing@127.0.0.1:9>"


@pytest.fixture(scope="module")
def change() -> Change:
    """Projects that let a REFER say to where, and one that does not."""

    def add(plan: Plan) -> None:
        allowed = [f"sip:*@{VOICE_AGENT}:{plan.overflow}"]
        bridge = {"method": "bridge", "targets": plan.back(plan.queue)}
        plan.add("acme-open", OPEN, **bridge, refer_to_allowed=allowed)
        plan.add("acme-shut", SHUT, **bridge)
        patient(plan.add("acme-patient", PATIENT))
        plan.add_left("acme-left", LEFT)
        refer = {"method": "refer", "targets": plan.back(plan.queue)}
        plan.add("acme-desks", DESKS, **refer, refer_to_allowed=[f"sip:desk*@{VOICE_AGENT}:{plan.overflow}"])

    return add


def said_by(bot: Sipp) -> list[str]:
    """The final lines of the NOTIFYs that a voice agent got."""
    return [message.body.strip() for message in bot.received("NOTIFY")]


async def test_the_voice_agent_is_told_how_its_refer_goes(house: House) -> None:
    async with talking(house, bot="refers") as talk:
        talk.bot.cue()
        await talk.bot.succeeds()
        first, last = talk.bot.received("NOTIFY")
        assert said_by(talk.bot) == ["SIP/2.0 100 Trying", "SIP/2.0 200 OK"]
        for notify in (first, last):
            assert notify.header("Event").startswith("refer")
            assert notify.header("Content-Type").startswith("message/sipfrag")
        assert first.header("Subscription-State").startswith("active")
        assert last.header("Subscription-State").startswith("terminated")
        talk.caller.cue()
        await talk.caller.succeeds()
    await house.ended(talk.caller, "handoff", "handoff")


async def test_embedded_headers_reach_the_signal_and_the_desktop(house: House) -> None:
    contact = new_contact()
    async with talking(house, contact, bot="asks_on_cue") as talk:
        talk.bot.cue(
            "DO-REFER",
            f"Refer-To: <sip:elsewhere@127.0.0.1:9?X-Handoff-Destination=sales%20desk&X-Handoff-Skill=77"
            f"&X-Handoff-Data=%7B%22order%22%3A%2012%7D&X-Handoff-Shared-Id=share-{contact}>\r\n"
            "X-Handoff-Reason: from%20the%20header",
        )
        await talk.bot.saw("BYE")
        talk.caller.cue()
        await talk.caller.succeeds()
    values = {"p1": "sales desk", "p2": "77", "p3": "from the header", "p9": f"share-{contact}"}
    await house.signalled(contact, CONNECTED, values)
    state = house.api("GET", f"{PATH}/acme-care/handoff_state?shared_id=share-{contact}")
    assert state.json["data"] == {"order": 12}


async def test_without_headers_the_user_of_refer_to_is_the_destination(house: House) -> None:
    contact = new_contact()
    async with talking(house, contact, bot="asks_on_cue") as talk:
        talk.bot.cue("DO-REFER", ELSEWHERE)
        await talk.bot.saw("BYE")
        talk.caller.cue()
        await talk.caller.succeeds()
    await house.signalled(contact, CONNECTED, {"p1": "billing"})


@pytest.mark.parametrize(("number", "dialled"), [(SHUT, "queue"), (OPEN, "overflow")])
async def test_what_a_refer_names_is_dialled_only_where_the_project_allows_it(
    house: House, number: str, dialled: str
) -> None:
    async with (
        queue(house) as planned,
        queue(house, port=house.plan.overflow) as named,
        talking(house, number=number, bot="asks_on_cue") as talk,
    ):
        talk.bot.cue("DO-REFER", f"Refer-To: <sip:desk7@{VOICE_AGENT}:{house.plan.overflow}>")
        taker, other = (planned, named) if dialled == "queue" else (named, planned)
        await taker.takes(talk)
        user = taker.sipp.received("INVITE")[0].start_line.split()[1]
        assert user.startswith("sip:desk7@" if dialled == "overflow" else "sip:queue@")
        talk.caller.cue()
        await talk.caller.succeeds()
        await taker.sipp.succeeds()
        assert not other.sipp.messages(), "not one packet"
    row = await house.ended(talk.caller, "handoff", "handoff")
    handoff = house.records.handoff(row["call_id"])
    assert handoff is not None
    assert bool(handoff["target"]) is (dialled == "overflow")


async def test_user_to_user_in_refer_to_goes_no_further_and_the_story_says_so(house: House) -> None:
    """Nothing of the project reads it: the target gets what `handoff.transfer_headers` says, and no more."""
    async with (
        queue(house, port=house.plan.overflow) as named,
        talking(house, number=OPEN, bot="asks_on_cue") as talk,
    ):
        uri = f"sip:desk7@{VOICE_AGENT}:{house.plan.overflow}"
        talk.bot.cue("DO-REFER", f"Refer-To: <{uri}?User-to-User=4A6F%3Bencoding%3Dhex>")
        await named.takes(talk)
        invite = named.sipp.received("INVITE")[0]
        assert (invite.start_line, invite.header("User-to-User")) == (f"INVITE {uri} SIP/2.0", "")
        talk.caller.cue()
        await talk.caller.succeeds()
        await named.sipp.succeeds()
    await house.ended(talk.caller, "handoff", "handoff")
    told = [text for _, text in talk.story.lines if "User-to-User in Refer-To" in text]
    assert len(told) == 1, talk.story
    assert "is not carried on" in told[0]
    assert "handoff.transfer_headers" in told[0]


@pytest.mark.parametrize(("user", "allowed"), [("desk7", True), ("boss", False)])
async def test_the_caller_is_referred_to_what_was_named_only_where_the_project_allows_it(
    house: House, user: str, *, allowed: bool
) -> None:
    named = f"sip:{user}@{VOICE_AGENT}:{house.plan.overflow}"
    async with talking(house, caller="is_referred", number=DESKS, bot="asks_on_cue") as talk:
        talk.bot.cue("DO-REFER", f"Refer-To: <{named}>")
        refer = await talk.caller.saw("REFER")
        planned = f"sip:queue@{VOICE_AGENT}:{house.plan.queue}"
        assert refer.header("Refer-To").strip("<>") == (named if allowed else planned)
        talk.caller.cue("ACCEPT")
        talk.caller.cue()
        await talk.caller.succeeds()
    await house.ended(talk.caller, "handoff", "handoff")


async def test_a_refer_without_refer_to_is_400_and_the_call_goes_on(house: House) -> None:
    async with talking(house, bot="asks_on_cue") as talk:
        talk.bot.cue("DO-REFER", "X-Handoff-Destination: billing")
        await talk.bot.saw("400 REFER")
        await talk.hear_each_other()
        assert not talk.bot.received("NOTIFY")
        talk.bot.cue("DO-REFER", ELSEWHERE)
        await talk.bot.saw("202 REFER")
        await talk.bot.saw("BYE")
        talk.caller.cue()
        await talk.caller.succeeds()


async def test_a_second_refer_while_the_first_one_runs_is_refused(house: House) -> None:
    contact = new_contact()
    async with talking(house, contact, bot="asks_on_cue", number=PATIENT) as talk:
        await house.signalled(contact, CONNECTED)
        house.cxone.fault(signal={"mode": "slow"})
        talk.bot.cue("DO-REFER", ELSEWHERE)
        await talk.bot.saw("202 REFER")
        talk.bot.cue("DO-REFER", "Refer-To: <sip:sales@127.0.0.1:9>")
        await talk.bot.saw("491 REFER")
        house.cxone.heal()
        await talk.bot.saw("BYE")
        talk.caller.cue()
        await talk.caller.succeeds()
    await house.signalled(contact, CONNECTED, {"p1": "billing"})
    assert said_by(talk.bot) == ["SIP/2.0 100 Trying", "SIP/2.0 200 OK"]


async def test_a_voice_agent_that_hangs_up_right_after_the_202_has_handed_off(house: House) -> None:
    contact = new_contact()
    async with talking(house, contact, bot="asks_on_cue", number=LEFT, port=house.plan.second) as talk:
        await talk.hear_each_other()
        await house.signalled(contact, CONNECTED)
        house.cxone.fault(signal={"mode": "slow", "seconds": 0.5})
        talk.bot.cue("DO-REFER", ELSEWHERE)
        await talk.bot.saw("202 REFER")
        talk.bot.cue()
        await talk.bot.succeeds()
        await talk.hears_comfort()
        await talk.caller.succeeds()
    await house.signalled(contact, CONNECTED, {"p1": "billing"})
    await house.ended(talk.caller, "handoff", "handoff")


async def test_no_notify_follows_where_the_refer_wants_none(house: House) -> None:
    async with talking(house, bot="asks_on_cue") as talk:
        talk.bot.cue("DO-REFER", f"{ELSEWHERE}\r\nRefer-Sub: false\r\nSupported: norefersub")
        accepted = await talk.bot.saw("202 REFER")
        assert accepted.header("Refer-Sub").lower() == "false", "RFC 4488 section 4"
        await talk.bot.saw("BYE")
        talk.caller.cue()
        await talk.caller.succeeds()
    assert not talk.bot.received("NOTIFY")


async def test_a_refer_on_the_callers_leg_is_declined_and_changes_nothing(house: House) -> None:
    contact = new_contact()
    async with talking_by_hand(house, contact) as (caller, bot):
        caller.in_dialog("REFER", 2, (ELSEWHERE,))
        assert await caller.answered("REFER", 202, 400, 403, 405, 603) == 603
        assert not bot.received("BYE")
    await house.signalled(contact, CONNECTED)
    await house.at_rest()
