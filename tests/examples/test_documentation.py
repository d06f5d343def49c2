# SPDX-License-Identifier: GPL-3.0-or-later
"""The blocks of docs/voice-agents.md that are marked as tested do in a real call what the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from agent.client import HandoffClient
from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.plan import API_KEY, CARE
from tests.calls.harness.talk import Talk, talking
from tests.calls.harness.waiting import eventually
from tests.calls.harness.web import ask
from tests.examples.neighbours import HANDED_OFF, KEEP

pytestmark = pytest.mark.calls

PAGE = (Path(__file__).parents[2] / "docs" / "voice-agents.md").read_text()
CONNECTED = {"p1": "Connected"}
DATA = {"summary": "Charged twice in March"}


def block(heading: str, language: str) -> str:
    """The first block in that language below a heading that says it is tested."""
    _, _, section = PAGE.partition(f"\n{heading}\n")
    found = re.search(rf"[*]Tested[.:][*].*?\n```{language}\n(.*?)```", section, re.DOTALL)
    assert found, f"{heading} has no tested block in {language}"
    return found[1]


def python(heading: str, name: str) -> Any:  # noqa: ANN401 - whatever the page defines
    """A function that the page defines."""
    names: dict[str, Any] = {}
    exec(block(heading, "python"), names)  # noqa: S102 - our own page
    return names[name]


def client(house: House, project: str = "acme-care") -> HandoffClient:
    """The client as the page has it."""
    return HandoffClient(f"http://127.0.0.1:{house.plan.api}", "acme", project, API_KEY)


async def went_back(talk: Talk) -> None:
    """Hold the rest of the call to a handoff that says what the page says."""
    await talk.house.signalled(talk.contact, CONNECTED, HANDED_OFF)
    talk.caller.cue()  # the script takes over; a caller who left before would have cancelled the signal
    await talk.caller.succeeds()
    await talk.house.ended(talk.caller, "handoff", "handoff")
    state = talk.house.api("GET", f"/v1/acme/acme-care/handoff_state?id={talk.contact}")
    assert state.json["data"] == DATA


async def test_the_python_of_the_page_hands_a_call_back_and_leaves_a_transcript(house: House) -> None:
    hand_back = python("### HTTP", "hand_back")
    leave_transcript = python("## Afterwards", "leave_transcript")
    contact, master = new_contact(), new_contact()
    headers = identity(contact, "let-me-in", f"X-InContact-MasterId: {master}")
    async with client(house) as agent:
        async with talking(house, contact, bot="answers", headers=headers) as talk:
            call_id = talk.call_id
            assert await hand_back(agent, call_id)
            await talk.bot.saw("BYE")
            found = await agent.state(id=contact)
            status = await agent.status(found["id"], wait=5)
            assert status.state == "accepted"
            assert len(status.attempts) == 1
            await went_back(talk)
        assert await hand_back(agent, call_id), "409: it was handed off before"
        assert (await agent.status(found["id"])).caller == "gone"
        await leave_transcript(agent, call_id)
    path = f"/simulator/transcripts?contact_id={master}"
    posted = await eventually(lambda: ask(house.cxone.port, "GET", path).json, what="NICE has the transcript")
    assert "I was charged twice." in json.dumps(posted)
    await house.at_rest()


async def test_the_python_of_the_page_learns_that_the_caller_is_kept(house: House) -> None:
    hand_back = python("### HTTP", "hand_back")
    contact = new_contact()
    async with client(house, "acme-keep") as agent, talking(house, contact, number=KEEP) as talk:
        await house.signalled(contact, CONNECTED)
        house.cxone.fault(signal={"status": 503, "contact_id": contact})
        assert not await hand_back(agent, talk.call_id)
        house.cxone.heal()
        await talk.hear_each_other()
        talk.caller.cue()
        await talk.caller.succeeds()
        await talk.bot.succeeds()
    await house.at_rest()


async def test_the_refer_of_the_page_hands_a_call_back(house: House) -> None:
    async with talking(house, bot="asks_on_cue") as talk:
        talk.bot.cue("DO-REFER", "\r\n".join(block("### REFER", "sip").splitlines()))
        await talk.bot.saw("202 REFER")
        await eventually(
            lambda: "SIP/2.0 200 OK" in [message.body.strip() for message in talk.bot.received("NOTIFY")],
            what="the voice agent is told",
        )
        await talk.bot.saw("BYE")
        await went_back(talk)
    await house.at_rest()


async def test_the_info_of_the_page_hands_a_call_back(house: House) -> None:
    async with talking(house, bot="asks_on_cue") as talk:
        talk.bot.cue("DO-INFO", block("### INFO", "json"), type="application/json")
        await talk.bot.saw("200 INFO")
        await talk.bot.saw("BYE")
        await went_back(talk)
    await house.at_rest()


async def test_the_bye_of_the_page_hands_a_call_back(house: House) -> None:
    async with talking(house, bot="asks_on_cue") as talk:
        talk.bot.cue("DO-BYE", "\r\n".join(block("### BYE", "sip").splitlines()))
        await talk.bot.succeeds()
        await went_back(talk)
    await house.at_rest()


async def test_the_invite_carries_the_headers_of_the_page(house: House) -> None:
    shown = {line.partition(":")[0] for line in PAGE.splitlines() if line.startswith("X-")}
    assert {"X-Call-Id", "X-Contact-Id", "X-Project", "X-OrigDnis"} <= shown
    async with talking(house, number=CARE) as talk:
        invite = talk.bot.received("INVITE")[0]
        for name in ("X-Call-Id", "X-Contact-Id", "X-Project", "X-OrigDnis"):
            assert invite.header(name), name
        assert (invite.header("X-Contact-Id"), invite.header("Max-Forwards")) == (talk.contact, "69")
        talk.caller.cue()
        await talk.caller.succeeds()
    await house.at_rest()
