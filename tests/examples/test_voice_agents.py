# SPDX-License-Identifier: GPL-3.0-or-later
"""The example voice agents take real calls through the real agent, and hand them back."""

from __future__ import annotations

import pytest

from agent.simulators.processes import Child
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import VOICE_AGENT
from tests.calls.harness.ports import free_rtp_port
from tests.calls.harness.rtp import RtpPeer
from tests.calls.harness.waiting import eventually
from tests.examples.neighbours import HANDED_OFF, KEEP, Run, ends_well

pytestmark = pytest.mark.calls

PATH = "/v1/acme/acme-care"
CONNECTED = {"p1": "Connected"}
TONE = 440.0


async def start(run: Run, house: House, name: str, after: float, *more: str) -> Child:
    """Start a voice agent where the project dials it."""
    where = f"{VOICE_AGENT}:{house.plan.first}"
    api = ("--api", f"http://127.0.0.1:{house.plan.api}") if "http" in name else ()
    audio = ("--rtp-port", free_rtp_port())
    return await run(name, "taking calls", "--listen", where, *audio, "--after", after, *api, *more)


async def test_over_http_a_digit_of_the_caller_hands_the_call_back(house: House, run: Run) -> None:
    bot = await start(run, house, "voice_agent_http.py", 60)
    contact = new_contact()
    async with house.caller("on_cue", contact) as caller, RtpPeer(caller.rtp_port, 1000) as ear:
        ear.speak_to((await caller.saw("200 INVITE")).audio_port)
        await eventually(lambda: ear.hears(TONE), what="the caller hears the voice agent")
        await ear.press(0)
        said = await bot.said(lambda line: line.startswith("handed off"), 10)
        await caller.saw("BYE")
        await caller.succeeds()
    await house.signalled(contact, CONNECTED, HANDED_OFF)
    row = await house.ended(caller, "handoff", "handoff")
    state = house.api("GET", f"{PATH}/handoff_state?id={contact}").json
    assert state["id"] in said
    assert state["data"]["digit"] == "0"
    assert house.api("GET", f"{PATH}/handoffs/{state['id']}").json["call_id"] == row["call_id"]
    await house.at_rest()


async def test_over_http_it_hands_the_call_back_after_a_while(house: House, run: Run) -> None:
    bot = await start(run, house, "voice_agent_http.py", 0.5)
    contact = new_contact()
    async with house.caller("on_cue", contact) as caller:
        await caller.saw("BYE")
        await caller.succeeds()
    await house.signalled(contact, CONNECTED, HANDED_OFF)
    await house.ended(caller, "handoff", "handoff")
    await bot.said(lambda line: line.startswith("handed off"), 10)
    await house.at_rest()


async def test_a_caller_who_hangs_up_first_is_not_handed_off(house: House, run: Run) -> None:
    bot = await start(run, house, "voice_agent_http.py", 60)
    contact = new_contact()
    async with house.caller("on_cue", contact) as caller:
        await caller.saw("200 INVITE")
        await house.signalled(contact, CONNECTED)
        caller.cue()
        await caller.succeeds()
    await house.at_rest()
    assert not any("handed off" in line for line in bot.lines)
    assert house.cxone.accepted(contact) == [CONNECTED]


async def test_a_voice_agent_that_is_told_to_end_hangs_up_first(house: House, run: Run) -> None:
    bot = await start(run, house, "voice_agent_http.py", 60)
    contact = new_contact()
    async with house.caller("on_cue", contact) as caller:
        await caller.saw("200 INVITE")
        await ends_well(bot)
        await caller.saw("BYE")
        await caller.succeeds()
    await house.signalled(contact, CONNECTED, {"p1": "End"})
    await house.ended(caller, "completed", "completed")
    await house.at_rest()


async def test_a_refused_handoff_leaves_the_call_completed(house: House, run: Run) -> None:
    bot = await start(run, house, "voice_agent_http.py", 0.2, "--project", "acme-sandbox")
    contact = new_contact()
    async with house.caller("on_cue", contact) as caller:
        await caller.saw("BYE")
        await caller.succeeds()
    await house.signalled(contact, CONNECTED, {"p1": "End"})
    await bot.said(lambda line: line.startswith("not handed off"), 10)
    await house.at_rest()


async def test_a_voice_agent_that_keeps_the_caller_goes_on_talking(house: House, run: Run) -> None:
    contact = new_contact()
    house.cxone.fault(signal={"status": 503, "contact_id": contact})
    bot = await start(run, house, "voice_agent_http.py", 0.2, "--project", "acme-keep")
    async with (
        house.caller("on_cue", contact, number=KEEP) as caller,
        RtpPeer(caller.rtp_port, 1000) as ear,
    ):
        ear.speak_to((await caller.saw("200 INVITE")).audio_port)
        await bot.said(lambda line: line.startswith("nobody took the caller"), 10)
        ear.packets.clear()
        await eventually(lambda: ear.hears(TONE), what="the caller hears the voice agent still")
        caller.cue()
        await caller.succeeds()
    house.cxone.heal()
    assert "the caller is with: kept" in "".join(bot.lines)
    await house.at_rest()


async def test_by_bye_a_digit_of_the_caller_hands_the_call_back(house: House, run: Run) -> None:
    await start(run, house, "voice_agent_bye.py", 60)
    contact = new_contact()
    async with house.caller("on_cue", contact) as caller, RtpPeer(caller.rtp_port, 1000) as ear:
        ear.speak_to((await caller.saw("200 INVITE")).audio_port)
        await eventually(lambda: ear.hears(TONE), what="the caller hears the voice agent")
        await ear.press(0)
        await caller.saw("BYE")
        await caller.succeeds()
    await house.signalled(contact, CONNECTED, HANDED_OFF)
    await house.ended(caller, "handoff", "handoff")
    data = house.api("GET", f"{PATH}/handoff_state?id={contact}").json["data"]
    assert data == {"summary": "Frage zur Rechnung für März: doppelt belastet.", "destination": "billing"}
    await house.at_rest()
