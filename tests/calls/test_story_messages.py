# SPDX-License-Identifier: GPL-3.0-or-later
"""SIP messages in the story of a call: which way each went, on which leg, and where its bytes are."""

from __future__ import annotations

import pytest

from tests.calls.harness.house import House, new_contact

pytestmark = pytest.mark.calls


async def test_each_message_of_a_call_says_which_way_it_went_and_where_it_is_kept(house: House) -> None:
    async with house.voice_agent() as bot, house.caller("on_cue", new_contact()) as caller:
        await bot.saw("ACK")
        call_id = bot.received("INVITE")[0].first("X-Call-Id")
        reply = house.operations("GET", f"/calls/{call_id}/story")
        caller.cue()
        await caller.succeeds()
    entries = reply.json["story"]
    messages = [entry for entry in entries if entry["kind"] == "sip"]
    ways = [(entry["side"], entry["direction"], entry["cseq"].split()[1]) for entry in messages]
    assert ways[:2] == [("caller", "received", "INVITE"), ("caller", "sent", "INVITE")]
    assert ("agent", "sent", "INVITE") in ways
    assert ("agent", "received", "INVITE") in ways
    assert ("agent", "sent", "ACK") in ways
    positions = [entry["position"] for entry in messages]
    assert positions == sorted(set(positions)), "in the order in which they were seen"
    assert {entry["transport"] for entry in messages} == {"udp"}
    assert not [entry for entry in entries if entry["kind"] != "sip" and "position" in entry]
    await house.at_rest()
