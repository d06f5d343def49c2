# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that are answered: set-up, what the voice agent is told, and the ways in which either end goes on."""

from __future__ import annotations

import pytest

from tests.calls.harness.dialog import HandCaller
from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.messages import labels, once
from tests.calls.harness.plan import API_KEY, CARE, LENIENT, SANDBOX, SHARED, TOKEN
from tests.calls.harness.sip_socket import SipSocket
from tests.calls.harness.sipp import Sipp
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls

CONNECTED = {"p1": "Connected"}


async def held(house: House, caller: Sipp, bot: Sipp) -> None:
    """Both ends went by their scenario, and nothing of the call is left."""
    await caller.succeeds()
    await bot.succeeds()
    await house.at_rest()


async def test_a_call_is_answered_and_the_caller_hangs_up(house: House) -> None:
    contact = new_contact()
    since = house.watch()
    async with house.voice_agent(talk=100) as bot, house.caller("basic_call", contact, talk=300) as caller:
        await held(house, caller, bot)
        provisional = [message.status for message in once(caller.messages()) if message.status in (100, 180)]
        assert provisional == [100, 180]
        assert labels(once(bot.messages()))[:4] == ["INVITE", "180 INVITE", "200 INVITE", "ACK"]
        assert house.agent.running
    await house.signalled(contact, CONNECTED)
    row = await house.ended(caller, "caller", "caller_hung_up")
    assert (row["contact_id"], row["project"], row["account"]) == (contact, "acme-care", "acme")
    assert row["carrier"] == "test"
    assert row["number"] == CARE
    assert row["began"] <= row["answered"] <= row["ended"]
    story = house.operations("GET", f"/calls/{row['call_id']}/story").json["story"]
    texts = [entry["text"] for entry in story]
    answers = [text.split()[0] for text in texts if "SIP/2.0 200 OK" in text and "INVITE]" in text]
    assert answers == ["agent", "caller"]  # ours only once the voice agent's is here
    assert since.moved("handoff_invites_total", project="acme-care", result="answered") == 1
    assert since.moved("handoff_invites_total") == 1
    assert since.moved("handoff_calls_total", project="acme-care", end="caller") == 1
    assert since.moved("handoff_setup_seconds_count", project="acme-care") == 1
    assert since.moved("handoff_signals_total", project="acme-care", moment="arrival") == 1


async def test_the_voice_agent_is_told_whose_call_it_is(house: House) -> None:
    contact = new_contact()
    headers = identity(contact, TOKEN, "User-to-User: 3132;encoding=hex", "X-Secret: stays-here")
    async with house.voice_agent() as bot, house.caller("basic_call", headers=headers, talk=50) as caller:
        await held(house, caller, bot)
    invite = bot.received("INVITE")[0]
    row = await house.ended(caller, "caller", "caller_hung_up")
    assert invite.header("X-Contact-Id") == contact
    assert invite.header("X-Call-Id") == row["call_id"]
    assert invite.header("X-Project") == "acme-care"
    assert invite.header("X-OrigDnis") == "8005550100"
    assert invite.header("User-to-User") == "3132;encoding=hex"
    assert not invite.all("X-Secret"), "only pass_headers are passed on"
    assert not invite.all("X-PolyAi-Auth-Token"), "the token is ours, not the voice agent's"
    assert invite.header("Max-Forwards") == "69"
    assert invite.header("Call-ID") != caller.call_id, "a B2BUA has a dialog of its own on each side"
    assert invite.audio_port
    assert TOKEN not in house.agent.log.read_text()
    assert API_KEY not in house.agent.log.read_text()


async def test_the_voice_agent_hangs_up_and_the_script_is_told_before_the_caller_is_released(
    house: House,
) -> None:
    contact = new_contact()
    since = house.watch()
    async with house.voice_agent("on_cue") as bot, house.caller("on_cue", contact) as caller:
        await caller.saw("200 INVITE")
        await house.signalled(contact, CONNECTED)
        bot.cue()
        await held(house, caller, bot)
    await house.signalled(contact, CONNECTED, {"p1": "End"})
    assert house.cxone.signals(contact)[1]["received"] <= caller.received("BYE")[0].at
    await house.ended(caller, "completed", "completed")
    assert since.moved("handoff_calls_total", end="completed") == 1
    assert since.moved("handoff_signals_total", moment="completed", outcome="accepted") == 1


async def test_a_caller_may_come_by_tcp(house: House) -> None:
    async with house.voice_agent() as bot, house.caller("basic_call", talk=50, transport="t1") as caller:
        await held(house, caller, bot)
    await house.ended(caller, "caller", "caller_hung_up")


async def test_a_voice_agent_need_not_ring(house: House) -> None:
    async with house.voice_agent("answers_at_once") as bot, house.caller("basic_call", talk=50) as caller:
        await held(house, caller, bot)


async def test_early_media_is_relayed_as_183_with_sdp(house: House) -> None:
    async with (
        house.voice_agent("early_media", talk=200) as bot,
        house.caller("early_media", talk=50) as caller,
    ):
        await held(house, caller, bot)
    progress = caller.received("183 INVITE")[0]
    assert progress.audio_port
    assert progress.at < caller.received("200 INVITE")[0].at


async def test_a_delayed_offer_is_answered_with_an_offer(house: House) -> None:
    async with house.voice_agent() as bot, house.caller("delayed_offer", talk=50) as caller:
        await held(house, caller, bot)
    assert caller.received("200 INVITE")[0].audio_port


async def test_an_ack_without_the_answer_that_our_offer_waits_for_ends_the_call_at_once(house: House) -> None:
    contact = new_contact()
    uri = f"sip:{CARE}@127.0.0.1:{house.plan.sip}"
    async with house.voice_agent() as bot, SipSocket(house.plan.sip) as wire:
        caller = HandCaller(wire, uri, tuple(identity(contact).split("\r\n")), 4000)
        wire.on_request = caller.takes
        caller.invite(offers=False)
        await caller.answered("INVITE", 200)
        caller.in_dialog("ACK", 1)
        await eventually(lambda: caller.requests("BYE"), what="BYE to the caller")
        await bot.succeeds()
    await house.signalled(contact, {"p1": "Connected"}, {"p1": "Escalate", "p3": "no_ack"})


async def test_hold_and_resume_are_answered_as_rfc_3264_says(house: House) -> None:
    async with house.voice_agent() as bot, house.caller("hold_and_resume", talk=100) as caller:
        await held(house, caller, bot)
    answers = [message.direction for message in caller.received("200 INVITE")]
    assert answers[0] == "sendrecv"
    assert answers[1] in ("recvonly", "inactive")
    assert answers[2] == "sendrecv"


async def test_a_session_refresh_moves_no_media(house: House) -> None:
    async with house.voice_agent() as bot, house.caller("refreshes_session", talk=50) as caller:
        await held(house, caller, bot)
    first, again = caller.received("200 INVITE")
    assert first.audio_port == again.audio_port


async def test_a_lost_ack_is_waited_for(house: House) -> None:
    async with house.voice_agent() as bot, house.caller("loses_first_ack", talk=50) as caller:
        await held(house, caller, bot)
    assert labels(caller.messages()).count("200 INVITE") >= 2, "the 200 was repeated until the ACK came"


@pytest.mark.parametrize(
    "header",
    ["X-InContact-ContactId", "x-incontact-contactid", "X-ContactID", "X-Contact-ID", "X-InContactId"],
)
async def test_the_contact_id_is_found_under_each_name(house: House, header: str) -> None:
    contact = new_contact()
    headers = identity(None, TOKEN, f"{header}: {contact}")
    async with house.voice_agent() as bot, house.caller("basic_call", headers=headers, talk=50) as caller:
        await held(house, caller, bot)
    assert bot.received("INVITE")[0].header("X-Contact-Id") == contact


@pytest.mark.parametrize(
    "form", ["{id}\r\nX-InContact-ContactId: {id}", "   {id}  \t", "{id}\r\nX-InContact-ContactId: "]
)
async def test_a_repeated_padded_or_half_blank_contact_id_is_understood(house: House, form: str) -> None:
    contact = new_contact()
    headers = identity(None, TOKEN, f"X-InContact-ContactId: {form.format(id=contact)}", "X-Last: 1")
    async with house.voice_agent() as bot, house.caller("basic_call", headers=headers, talk=50) as caller:
        await held(house, caller, bot)
    await house.signalled(contact, CONNECTED)


async def test_the_token_decides_between_two_projects_of_one_number(house: House) -> None:
    headers = identity(new_contact(), "sandbox-token")
    async with (
        house.voice_agent(port=house.plan.second) as bot,
        house.caller("basic_call", headers=headers, number=SHARED, talk=50) as caller,
    ):
        await held(house, caller, bot)
    assert bot.received("INVITE")[0].header("X-Project") == f"acme-{SANDBOX}"


async def test_a_carrier_may_bridge_calls_without_contact_id(house: House) -> None:
    headers = identity(None)
    async with (
        house.voice_agent() as bot,
        house.caller("basic_call", headers=headers, address=LENIENT, talk=50) as caller,
    ):
        await held(house, caller, bot)
    row = await house.ended(caller, "caller", "caller_hung_up")
    assert not house.records.signals(row["call_id"])


async def test_a_live_call_is_listed_and_an_operator_can_end_it(house: House) -> None:
    contact = new_contact()
    async with house.voice_agent() as bot, house.caller("on_cue", contact) as caller:
        await caller.saw("200 INVITE")
        await bot.saw("ACK")
        found = next(call for call in house.live() if call["contact_id"] == contact)
        assert house.operations("DELETE", f"/calls/{found['call_id']}").status in (200, 202, 204)
        await held(house, caller, bot)
    await house.signalled(contact, CONNECTED, {"p1": "Escalate", "p3": "operator"})
    await house.ended(caller, "failed", "operator")
    assert house.operations("DELETE", f"/calls/{found['call_id']}").status == 404


async def test_options_agrees_with_readiness(house: House) -> None:
    async with house.caller("options") as caller:
        await caller.succeeds()
    assert caller.messages()[-1].status == 200
    assert house.operations("GET", "/readyz").status == 200
    assert house.operations("GET", "/healthz").status == 200


async def test_the_story_of_a_call_is_told_without_secrets(house: House) -> None:
    async with house.voice_agent() as bot, house.caller("basic_call", talk=50) as caller:
        await held(house, caller, bot)
    row = await house.ended(caller, "caller", "caller_hung_up")
    reply = house.operations("GET", f"/calls/{row['call_id']}/story")
    if reply.status == 200:
        assert "INVITE" in reply.text
        assert TOKEN not in reply.text
