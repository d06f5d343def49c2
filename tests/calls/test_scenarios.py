# SPDX-License-Identifier: GPL-3.0-or-later
"""The SIPp scenarios against each other, without the agent: what fails here is the scenario's fault."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from tests.calls.harness.referring import OK, tell
from tests.calls.harness.sipp import SCENARIOS, Sipp

pytestmark = pytest.mark.calls

KEYS = {
    "number": "9995550100",
    "identity": "X-InContact-ContactId: 4711\r\nX-PolyAi-Auth-Token: let-me-in",
    "bye_headers": "X-Reason: done",
    "refer_to": "sip:queue@127.0.0.1",
    "asking": "X-Reason: done",
    "token": "let-me-in",
    "contact_prefix": "7000",
}
CALLER, AGENT = "functional/callers/", "functional/voice_agents/"
PAIRS = [
    ("basic_call", "answers"),
    ("basic_call", "answers_at_once"),
    ("refused", "busy"),
    ("refused", "unavailable"),
    ("refused", "rejects_codecs"),
    ("cancels_while_ringing", "rings_for_ever"),
    ("early_media", "early_media"),
    ("delayed_offer", "answers"),
    ("hold_and_resume", "answers"),
    ("refreshes_session", "answers"),
    ("loses_first_ack", "answers"),
    ("on_cue", "hangs_up"),
    ("basic_call", "bye_crosses_bye"),
]


@pytest.mark.parametrize(("caller", "voice_agent"), PAIRS)
async def test_caller_and_voice_agent_play_to_the_end(caller: str, voice_agent: str) -> None:
    async with Sipp(f"{AGENT}{voice_agent}.xml", keys=KEYS, talk=50) as bot:
        async with Sipp(f"{CALLER}{caller}.xml", bot.port, keys=KEYS, talk=50) as phone:
            if (caller, voice_agent) != ("basic_call", "bye_crosses_bye"):
                await phone.succeeds()
        if voice_agent != "bye_crosses_bye":
            await bot.succeeds()


async def test_cues_end_a_call_from_either_end() -> None:
    for cue_caller in (True, False):
        async with (
            Sipp(f"{AGENT}on_cue.xml", keys=KEYS) as bot,
            Sipp(f"{CALLER}on_cue.xml", bot.port, keys=KEYS) as phone,
        ):
            await bot.saw("ACK")
            (phone if cue_caller else bot).cue()
            await phone.succeeds()
            await bot.succeeds()


async def test_a_voice_agent_asks_in_every_way_of_a_caller_who_is_referred() -> None:
    async with (
        Sipp(f"{AGENT}asks_on_cue.xml", keys=KEYS) as bot,
        Sipp(f"{CALLER}is_referred.xml", bot.port, keys=KEYS) as phone,
    ):
        await bot.saw("ACK")
        for count, (cue, answer) in enumerate((("DECLINE", 603), ("FORBID", 405), ("ACCEPT", 202)), 1):
            bot.cue("DO-REFER", f"Refer-To: <sip:queue@127.0.0.1>\r\nX-Try: {count}")
            assert (await phone.saw("REFER", count)).header("X-Try") == str(count)
            phone.cue(cue)
            await bot.saw(f"{answer} REFER")
        tell(phone, OK)
        notify = await bot.saw("NOTIFY")
        assert (notify.body.strip(), notify.header("Event")) == (OK, "refer")
        await phone.saw("200 NOTIFY")
        bot.cue("DO-INFO", '{"skill": [1]}', type="application/json")
        await bot.saw("200 INFO")
        assert phone.received("INFO")[0].body.strip() == '{"skill": [1]}'
        bot.cue("DO-BYE", "X-A: 1\r\nX-B: 2")
        assert (await phone.saw("BYE")).header("X-B") == "2"
        await phone.succeeds()
        await bot.succeeds()


async def test_a_caller_holds_and_resumes_on_cue() -> None:
    async with (
        Sipp(f"{AGENT}on_cue.xml", keys=KEYS) as bot,
        Sipp(f"{CALLER}holds_on_cue.xml", bot.port, keys=KEYS) as phone,
    ):
        await bot.saw("ACK")
        for count, (cue, direction) in enumerate((("HOLD", "sendonly"), ("RESUME", "sendrecv")), 2):
            phone.cue(cue)
            assert (await bot.saw("INVITE", count)).direction == direction
            await bot.saw("ACK", count)
        phone.cue()
        await phone.succeeds()
        await bot.succeeds()


@pytest.mark.parametrize(
    "path",
    sorted([*SCENARIOS.rglob("*.xml"), *(SCENARIOS / "load").glob("*.xml")]),
    ids=lambda path: str(path.relative_to(SCENARIOS)),
)
def test_every_scenario_says_what_it_proves(path: object) -> None:
    text = (SCENARIOS / str(path)).read_text()
    assert "Proves: " in text
    assert ET.fromstring(text).tag == "scenario"  # noqa: S314 - our own files
