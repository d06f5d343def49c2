# SPDX-License-Identifier: GPL-3.0-or-later
"""INFO with JSON and BYE with headers on the voice agent's leg ask for a handoff."""

from __future__ import annotations

import json

import pytest

from tests.calls.harness.asking import CONNECTED, DATA, PATH, lines, said, told
from tests.calls.harness.dialog import talking_by_hand
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import CARE, Change, Plan, patient
from tests.calls.harness.talk import Talk, talking

pytestmark = pytest.mark.calls

NAMED, DOWN, PATIENT = "9995550310", "9995550311", "9995550312"
JSON = "application/json"
DTMF = "Signal=5\r\nDuration=160"


@pytest.fixture(scope="module")
def change() -> Change:
    """Projects with header names of their own, that give up soon when NICE is down, and that do not."""

    def add(plan: Plan) -> None:
        names = {"destination": "X-Queue", "data": "User-to-User", "p3": "X-Why"}
        patient(plan.add("acme-patient", PATIENT))
        plan.add("acme-named", NAMED, headers=names)
        plan.add("acme-down", DOWN, deadline="1s")["signal_ttl"] = "2s"

    return add


async def _still_talks_and_ends(talk: Talk) -> None:
    await talk.hear_each_other()
    talk.caller.cue()
    await talk.caller.succeeds()
    await talk.bot.succeeds()


# -- INFO --------------------------------------------------------------------------------------------------

MISTAKES = {
    "no JSON": "{destination: billing}",
    "an array": "[1]",
    "an unknown key": '{"destinatoin": "billing"}',
    "a wrong type": '{"data": "text"}',
    "an unknown parameter": '{"parameters": {"p10": "x"}}',
}


async def test_an_info_that_can_not_be_read_is_400_and_a_good_one_still_works(house: House) -> None:
    contact = new_contact()
    async with talking(house, contact, bot="asks_on_cue") as talk:
        for count, body in enumerate(MISTAKES.values(), 1):
            talk.bot.cue("DO-INFO", body, type=JSON)
            await talk.bot.saw("400 INFO", count)
        await talk.hear_each_other()
        assert talk.row()["state"] == "bridged"
        talk.bot.cue("DO-INFO", json.dumps(said(contact)), type=f"{JSON}; charset=utf-8")
        await talk.bot.saw("200 INFO")
        await talk.bot.saw("BYE")
        talk.caller.cue()
        await talk.caller.succeeds()
    await house.signalled(contact, CONNECTED, told(contact))


async def test_a_second_info_comes_too_late_changes_nothing_and_hears_who_has_the_caller(
    house: House,
) -> None:
    contact = new_contact()
    async with talking(house, contact, bot="asks_on_cue", number=PATIENT) as talk:
        await house.signalled(contact, CONNECTED)
        house.cxone.fault(signal={"mode": "slow"})
        talk.bot.cue("DO-INFO", json.dumps(said(contact)), type=JSON)
        await talk.bot.saw("200 INFO")
        talk.bot.cue("DO-INFO", '{"destination": "sales"}', type=JSON)
        answer = await talk.bot.saw("INFO")
        assert json.loads(answer.body) == {"caller": "voice_agent"}
        house.cxone.heal()
        await talk.bot.saw("BYE")
        talk.caller.cue()
        await talk.caller.succeeds()
    await house.signalled(contact, CONNECTED, told(contact))


async def test_other_bodies_of_an_info_get_200_and_ask_for_nothing(house: House) -> None:
    contact = new_contact()
    async with talking(house, contact, bot="asks_on_cue") as talk:
        for count, (kind, body) in enumerate((("application/dtmf-relay", DTMF), ("text/plain", "{}")), 1):
            talk.bot.cue("DO-INFO", body, type=kind)
            await talk.bot.saw("200 INFO", count)
        await _still_talks_and_ends(talk)
    await house.signalled(contact, CONNECTED)
    await house.ended(talk.caller, "caller", "caller_hung_up")


async def test_an_info_on_the_callers_leg_changes_nothing(house: House) -> None:
    contact = new_contact()
    async with talking_by_hand(house, contact) as (caller, bot):
        caller.in_dialog("INFO", 2, body=json.dumps(said(contact)), content_type=JSON)
        await caller.answered("INFO", 200, 415)
        assert not bot.received("BYE")
    await house.signalled(contact, CONNECTED)
    await house.at_rest()


# -- BYE ---------------------------------------------------------------------------------------------------


async def _hangs_up_with(house: House, contact: str, headers: str, number: str = CARE) -> Talk:
    async with talking(house, contact, bot="asks_on_cue", number=number) as talk:
        talk.bot.cue("DO-BYE", headers)
        await talk.bot.succeeds()
        await talk.caller.succeeds()
        return talk


async def test_headers_of_a_bye_are_url_decoded(house: House) -> None:
    contact = new_contact()
    talk = await _hangs_up_with(house, contact, lines(contact))
    await house.signalled(contact, CONNECTED, told(contact))
    await house.ended(talk.caller, "handoff", "handoff")
    state = house.api("GET", f"{PATH}/acme-care/handoff_state?id={contact}")
    assert state.json["data"] == DATA


async def test_a_project_names_its_own_headers_and_user_to_user_is_hex(house: House) -> None:
    contact = new_contact()
    uui = json.dumps(DATA).encode().hex()
    headers = f"X-Queue: sales\r\nX-Why: a%2Fb\r\nUser-to-User: {uui};encoding=hex\r\nX-Handoff-Skill: 9"
    talk = await _hangs_up_with(house, contact, headers, NAMED)
    await house.signalled(contact, CONNECTED, {"p1": "sales", "p3": "a/b"})
    await house.ended(talk.caller, "handoff", "handoff")
    state = house.api("GET", f"{PATH}/acme-named/handoff_state?id={contact}")
    assert state.json["data"] == DATA


@pytest.mark.parametrize(
    ("number", "headers"), [(CARE, "X-Reason: done"), (NAMED, "X-Handoff-Destination: billing")]
)
async def test_a_bye_without_such_headers_is_completed(house: House, number: str, headers: str) -> None:
    contact = new_contact()
    talk = await _hangs_up_with(house, contact, headers, number)
    await house.signalled(contact, CONNECTED, {"p1": "End"})
    row = await house.ended(talk.caller, "completed", "completed")
    assert house.records.handoff(row["call_id"]) is None


async def test_the_caller_hears_audio_and_is_released_when_nice_is_down_after_a_bye(house: House) -> None:
    contact = new_contact()
    async with talking(house, contact, bot="asks_on_cue", number=DOWN) as talk:
        await talk.hear_each_other()
        await house.signalled(contact, CONNECTED)
        house.cxone.fault(signal={"status": 503, "contact_id": contact})
        talk.bot.cue("DO-BYE", lines(contact))
        await talk.bot.succeeds()
        await talk.hears_comfort()
        assert not talk.phone.silent(15)
        await talk.caller.saw("BYE")
        await talk.caller.succeeds()
    await house.ended(talk.caller, "handoff", "handoff")
    await house.at_rest()
