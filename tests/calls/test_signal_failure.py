# SPDX-License-Identifier: GPL-3.0-or-later
"""A handoff's signal fails: the caller is released, referred, or kept by the voice agent, which is told."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.calls.harness.asking import CONNECTED, PATH, lines, post, said, told
from tests.calls.harness.house import House
from tests.calls.harness.plan import Change, Plan
from tests.calls.harness.referring import OK, tell
from tests.calls.harness.talk import Talk, talking
from tests.calls.harness.waiting import eventually
from tests.calls.harness.web import Reply

pytestmark = pytest.mark.calls

NUMBERS = {"release": "9995550330", "refer": "9995550331", "keep": "9995550332"}
PATIENT = "9995550333"
FAULTS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "NICE is down": ({"status": 503}, {"expired", "cancelled", "refused"}),
    "the contact is gone": ({"status": 404}, {"refused"}),
    "NICE refuses it": ({"status": 400}, {"refused"}),
    "NICE says nothing": ({"mode": "timeout_before_accept"}, {"unknown"}),
}


@pytest.fixture(scope="module")
def change() -> Change:
    """A project for each policy, with short times; and one whose NICE may take longer than the deadline."""

    def add(plan: Plan) -> None:
        for policy, number in NUMBERS.items():
            short = {"deadline": "1s", "on_signal_failure": policy, "targets": plan.back(plan.queue)}
            project = plan.add(f"acme-{policy}", number, **short)
            project |= {"signal_ttl": "4s", "cxone": {**project["cxone"], "timeout": "2s"}}
        project = plan.add("acme-patient", PATIENT, deadline="1s", on_signal_failure="keep")
        project["cxone"] = {**project["cxone"], "timeout": "8s"}

    return add


async def _broken(talk: Talk, fault: dict[str, Any]) -> None:
    """Let the arrival signal through and nothing after it."""
    await talk.house.signalled(talk.contact, CONNECTED)
    talk.house.cxone.fault(signal={**fault, "contact_id": talk.contact})


async def _post(talk: Talk) -> Reply:
    """Ask by HTTP and wait for the answer that says who has the caller."""
    project = talk.row()["project"]
    return await asyncio.to_thread(post, talk.house, project, talk.contact, None)


async def _still_talk(talk: Talk) -> None:
    """Both ends hear each other now, not only before."""
    talk.phone.packets.clear()
    talk.mouth.packets.clear()
    await talk.hear_each_other()


async def _over(talk: Talk, reason: str, states: set[str]) -> None:
    """One signal for the handoff, in one of these states; the record is closed; nothing is left."""
    house = talk.house
    row = await house.ended(talk.caller, "handoff", reason)
    await house.at_rest(15)
    arrival, handoff = house.records.signals(row["call_id"])
    assert (arrival["state"], arrival["moment"], handoff["moment"]) == ("accepted", "arrival", "handoff")
    assert handoff["state"] in states
    assert house.cxone.accepted(talk.contact) == [CONNECTED]


@pytest.mark.parametrize("fault", FAULTS)
async def test_release_gives_the_caller_back_all_the_same_when(house: House, fault: str) -> None:
    async with talking(house, bot="answers", number=NUMBERS["release"]) as talk:
        await _broken(talk, FAULTS[fault][0])
        assert (await _post(talk)).status == 202
        await talk.bot.succeeds()
        await talk.hears_comfort()
        assert not talk.phone.silent(15)
        await talk.caller.saw("BYE")
        await talk.caller.succeeds()
    await _over(talk, "handoff", FAULTS[fault][1] | {"cancelled"})


@pytest.mark.parametrize("fault", FAULTS)
async def test_refer_sends_the_caller_to_the_target_when(house: House, fault: str) -> None:
    async with talking(house, caller="is_referred", bot="answers", number=NUMBERS["refer"]) as talk:
        await _broken(talk, FAULTS[fault][0])
        assert (await _post(talk)).status == 202
        refer = await talk.caller.saw("REFER")
        assert f":{house.plan.queue}" in refer.header("Refer-To")
        await talk.bot.succeeds()
        talk.caller.cue("ACCEPT")
        tell(talk.caller, OK)
        await talk.caller.saw("BYE")
        await talk.caller.succeeds()
    await _over(talk, "handoff", FAULTS[fault][1] | {"cancelled"})


@pytest.mark.parametrize("fault", FAULTS)
async def test_keep_leaves_the_caller_with_the_voice_agent_when(house: House, fault: str) -> None:
    async with talking(house, number=NUMBERS["keep"]) as talk:
        await _broken(talk, FAULTS[fault][0])
        reply = await _post(talk)
        assert (reply.status, reply.json["caller"]) == (202, "kept"), reply.text
        assert _caller_of(talk, reply.json["id"]) == "kept"
        await _still_talk(talk)
        assert not talk.bot.received("BYE")
        assert talk.row()["state"] == "kept"
        talk.bot.cue()
        await talk.bot.succeeds()
        await talk.caller.saw("BYE")
        await talk.caller.succeeds()
    await _over(talk, "signal_failed", FAULTS[fault][1] | {"cancelled"})


def _caller_of(talk: Talk, handoff: str) -> str:
    """Who has the caller, as the API says."""
    reply = talk.house.api("GET", f"{PATH}/{talk.row()['project']}/handoffs/{handoff}")
    assert reply.status == 200, reply.text
    caller: str = reply.json["caller"]
    return caller


@pytest.mark.parametrize("way", ["refer", "info"])
async def test_a_voice_agent_that_keeps_the_caller_is_told_on_its_leg(house: House, way: str) -> None:
    async with talking(house, bot="asks_on_cue", number=NUMBERS["keep"]) as talk:
        await _broken(talk, {"status": 404})
        if way == "refer":
            talk.bot.cue("DO-REFER", f"Refer-To: <sip:billing@127.0.0.1:9>\r\n{lines(talk.contact)}")
            last = await talk.bot.saw("NOTIFY", 2)
            assert last.body.strip() == "SIP/2.0 503 Service Unavailable"
            assert last.header("Subscription-State").startswith("terminated")
        else:
            talk.bot.cue("DO-INFO", json.dumps(said(talk.contact)), type="application/json")
            info = await talk.bot.saw("INFO")
            assert info.header("Content-Type").startswith("application/json")
            assert json.loads(info.body)["caller"] == "kept"
        await _still_talk(talk)
        assert not talk.bot.received("BYE")
        talk.bot.cue()
        await talk.bot.succeeds()
        await talk.caller.saw("BYE")
        await talk.caller.succeeds()
    await _over(talk, "signal_failed", {"refused"})


async def test_a_voice_agent_that_has_hung_up_can_not_keep_the_caller(house: House) -> None:
    async with talking(house, bot="asks_on_cue", number=NUMBERS["keep"]) as talk:
        await _broken(talk, {"status": 404})
        talk.bot.cue("DO-BYE", lines(talk.contact))
        await talk.bot.succeeds()
        await talk.hears_comfort()
        await talk.caller.saw("BYE")
        await talk.caller.succeeds()
    await _over(talk, "handoff", {"refused"})


async def test_a_caller_who_hangs_up_while_kept_ends_both_legs(house: House) -> None:
    async with talking(house, number=NUMBERS["keep"]) as talk:
        await _broken(talk, {"status": 404})
        assert (await _post(talk)).json["caller"] == "kept"
        talk.caller.cue()
        await talk.caller.succeeds()
        await talk.bot.saw("BYE")
        await talk.bot.succeeds()
    await _over(talk, "signal_failed", {"refused"})


@pytest.mark.parametrize("way", ["http", "refer", "info"])
async def test_a_signal_that_is_accepted_late_gives_the_caller_back(house: House, way: str) -> None:
    async with talking(house, bot="asks_on_cue", number=PATIENT) as talk:
        await _broken(talk, {"mode": "slow"})
        if way == "http":
            reply = await _post(talk)
            assert reply.json["caller"] == "kept"
        elif way == "refer":
            talk.bot.cue("DO-REFER", f"Refer-To: <sip:billing@127.0.0.1:9>\r\n{lines(talk.contact)}")
            await talk.bot.saw("NOTIFY", 2)
        else:
            talk.bot.cue("DO-INFO", json.dumps(said(talk.contact)), type="application/json")
            await talk.bot.saw("INFO")
        assert not talk.bot.received("BYE")
        await talk.hear_each_other()
        house.cxone.heal()
        await talk.bot.saw("BYE")
        await talk.hears_comfort()
        talk.caller.cue()
        await talk.caller.succeeds()
        await talk.bot.succeeds()
    await house.signalled(talk.contact, CONNECTED, told(talk.contact))
    await house.ended(talk.caller, "handoff", "handoff")


async def test_a_voice_agent_that_keeps_the_caller_may_not_ask_again(house: House) -> None:
    async with talking(house, number=NUMBERS["keep"]) as talk:
        await _broken(talk, {"status": 404})
        assert (await _post(talk)).json["caller"] == "kept"
        house.cxone.heal()
        assert (await _post(talk)).status == 409, "one terminal moment for ever"
        talk.caller.cue()
        await asyncio.gather(talk.caller.succeeds(), talk.bot.succeeds())
    await eventually(lambda: not house.leftovers(), what="nothing left")
    assert house.cxone.accepted(talk.contact) == [CONNECTED]
