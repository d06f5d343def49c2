# SPDX-License-Identifier: GPL-3.0-or-later
"""How a voice agent asks for a handoff, in each of the four ways, always saying the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from tests.calls.harness.house import House
from tests.calls.harness.metrics import Since
from tests.calls.harness.talk import Talk
from tests.calls.harness.waiting import eventually
from tests.calls.harness.web import Reply

WAYS = ("http", "refer", "info", "bye")
PATH = "/v1/acme"
DATA: Mapping[str, Any] = {"name": "Ada Lovelace", "balance": 12.5, "notes": ["a", "ä"]}
CONNECTED = {"p1": "Connected"}


def said(contact: str) -> dict[str, Any]:
    """What the voice agent says, as JSON."""
    words = {"destination": "billing", "skill": "4101", "reason": "caller asked; 100 %"}
    return {**words, "data": dict(DATA), "shared_id": f"share-{contact}"}


def told(contact: str) -> dict[str, str]:
    """What the signal of that carries."""
    return {"p1": "billing", "p2": "4101", "p3": "caller asked; 100 %", "p9": f"share-{contact}"}


def lines(contact: str) -> str:
    """The same as header lines of a BYE or REFER, URL-encoded."""
    words = said(contact)
    values = {**words, "data": json.dumps(words["data"])}
    names = {name: f"X-Handoff-{name.replace('_', '-').title()}" for name in values}
    return "\r\n".join(f"{names[name]}: {quote(value, safe='')}" for name, value in values.items())


def voice_agent(way: str, contact: str, refer_to: str = "sip:elsewhere@127.0.0.1") -> dict[str, str]:
    """What `talking` needs for a voice agent that asks that way and holds the agent to the right order."""
    match way:
        case "refer":
            return {"bot": "refers", "asking": lines(contact), "refer_to": refer_to}
        case "info":
            return {"bot": "informs", "asking": json.dumps(said(contact))}
        case "bye":
            return {"bot": "on_cue", "bye_headers": lines(contact)}
        case _:
            return {"bot": "answers"}


async def ask(talk: Talk, way: str) -> None:
    """Let the voice agent of `voice_agent` ask now."""
    if way == "http":
        # Not on this loop: both ends of the call speak on it.
        reply = await asyncio.to_thread(post, talk.house, talk.row()["project"], talk.contact)
        assert reply.status == 202, reply.text
    else:
        talk.bot.cue()


def post(house: House, project: str, contact: str, wait: float | None = 0, **more: object) -> Reply:
    """Ask by HTTP; with ``wait`` None the answer may come when it is known who has the caller."""
    query = "" if wait is None else f"?wait={wait:g}"
    body = {**said(contact), "contact_id": contact, **more}
    return house.api("POST", f"{PATH}/{project}/handoffs{query}", body)


async def hand_off(talk: Talk) -> None:
    """Let the voice agent ask by HTTP now."""
    await ask(talk, "http")


async def went_back(since: Since, method: str) -> None:
    """Wait until the metrics say that one caller went back by this method."""
    name = "handoff_media_return_seconds_count"
    await eventually(lambda: since.moved(name, method=method) == 1, what=f"back by {method}")


async def handed_off(talk: Talk) -> None:
    """The signal went out once, the record is closed, nothing is left."""
    await talk.house.signalled(talk.contact, CONNECTED, told(talk.contact))
    await talk.house.ended(talk.caller, "handoff", "handoff")
    await talk.house.at_rest()
