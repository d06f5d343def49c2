# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""The pages of calls: found by a form, page by page; one call with its ladder; ended with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from agent.core.records import Handoff
from agent.delivery.queries import CallQuery
from agent.http.call_finder import About, CallPage, SipMessage, Which
from tests.core.examples import record

HOSTILE = "<img src=x onerror=alert(1)>"
CALL = {**record().shown(), "live": True}
OVER = {
    **CALL,
    "call_id": "c-0",
    "ended": CALL["began"] + 5,
    "end": "failed",
    "reason": "no_agent",
    "live": False,
}
STORY = [
    {
        "when": CALL["began"],
        "kind": "sip",
        "text": "caller → us INVITE sip:9995550100@edge SIP/2.0 [1 INVITE] udp 192.0.2.1:5060",
        "position": 7,
    },
    {"when": CALL["began"] + 1, "kind": "decision", "text": f"refused: {HOSTILE}"},
]
INVITE = b"INVITE sip:9995550100@edge SIP/2.0\r\nX-Token: s3cret\r\n\r\n"


@pytest.fixture(autouse=True)
def _known(desk: Any) -> None:
    """One call that is up."""
    handoff = Handoff("h-1", "c-1", "acme", "care", "4711", 1.0, "CARE")
    desk.finder.known["c-1"] = About(CALL, STORY, (), handoff, ["part of it is missing"])
    desk.finder.kept["c-1"] = [
        SipMessage(7, 10_000_000, True, "udp", "192.0.2.1:5060", "192.0.2.9:5060", INVITE)  # noqa: FBT003
    ]
    desk.finder.token_headers = {"x-token"}
    desk.finder.page = CallPage([CALL, OVER], (1000.5, "c-0"))


async def test_calls_are_listed_those_that_are_up_first(console: Any, desk: Any) -> None:
    text = await console.page("/console/calls")
    assert desk.finder.asked == [(CallQuery(limit=50), Which.LIVE), (CallQuery(limit=50), Which.PAST)]
    assert 'href="/console/calls/c-1"' in text
    assert "********00" in text
    assert "9995550100" not in text
    assert 'href="/console/calls?page=1000.5_c-0" rel="next"' in text
    assert 'data-live="/console/live/calls?"' in text


async def test_a_later_page_has_past_ones_alone(console: Any, desk: Any) -> None:
    text = await console.page("/console/calls?id=4711&page=1000.5_c-0")
    assert desk.finder.asked == [(CallQuery(any_id="4711", before=(1000.5, "c-0"), limit=50), Which.PAST)]
    assert 'href="/console/calls?id=4711" rel="first"' in text
    assert "data-live" not in text


async def test_what_moves_is_what_the_form_asks_for(console: Any, desk: Any) -> None:
    text = await console.page("/console/live/calls?project=care")
    assert desk.finder.asked == [(CallQuery(project="care", limit=50), Which.LIVE)]
    assert 'href="/console/calls/c-1"' in text
    assert "<html" not in text


@pytest.mark.parametrize("given", ["since=soon", "state=up", "page=7"])
async def test_a_form_that_can_not_be_used_says_why_and_keeps_what_was_written(
    console: Any, given: str
) -> None:
    text = await console.page(f"/console/calls?id=4711&{given}", 422)
    assert 'role="alert"' in text
    assert 'value="4711"' in text


async def test_a_record_that_can_not_be_read_is_said(console: Any, desk: Any) -> None:
    desk.finder.page = CallPage([], None, "calls on record can't be listed now: it is away")
    assert "it is away" in await console.page("/console/calls")


async def test_one_call_has_its_facts_its_ladder_and_the_same_in_words(console: Any) -> None:
    text = await console.page("/console/calls/c-1")
    assert text.count("<svg") == 2
    assert 'href="/console/calls/c-1/messages/7"' in text
    assert "Caller → edge-1: INVITE sip:********00@edge" in text
    assert "9995550100" not in text
    assert HOSTILE not in text
    assert "Part of it is missing." in text
    assert "The call has been up for " in text
    assert "CARE" in text
    assert 'href="/calls/c-1/call.pcap"' in text


async def test_a_message_is_opened_whole_without_its_token(console: Any) -> None:
    text = await console.page("/console/calls/c-1/messages/7")
    assert "INVITE sip:********00@edge SIP/2.0" in text
    assert "s3cret" not in text
    await console.page("/console/calls/c-1/messages/8", 404)


async def test_a_call_is_ended_with_a_reason_that_stays(console: Any, desk: Any) -> None:
    desk.live = {"c-1": {}}
    status, _, text = await console.send("/console/calls/c-1", "/console/calls/c-1/hang-up", why=" ")
    assert (status, "a reason is needed" in text) == (422, True)
    status, where, _ = await console.send("/console/calls/c-1", "/console/calls/c-1/hang-up", why="stuck")
    assert (status, where, desk.live) == (303, "/console/calls/c-1?ending=1", {})
    deed = console.audit.newest()[0]
    assert (deed.action, deed.who, deed.about, deed.why) == ("hang_up", "ana", "c-1", "stuck")
    assert "being ended" in await console.page(where)
    status, _, _ = await console.send("/console/calls/c-1", "/console/calls/c-1/hang-up", why="stuck")
    assert status == 404


async def test_a_call_that_nobody_knows_has_no_page(console: Any) -> None:
    assert "there is no such call" in await console.page("/console/calls/c-none", 404)


async def test_a_call_of_which_little_is_known_has_a_page(console: Any, desk: Any) -> None:
    desk.finder.known["c-2"] = About({"call_id": "c-2"}, None)
    assert "Nothing is known" in await console.page("/console/calls/c-2")
