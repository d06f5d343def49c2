# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Searching calls over HTTP: what an address may ask for, and pages."""

from __future__ import annotations

import re
from typing import Any

import pytest

from agent.delivery.queries import CallQuery
from agent.http.call_finder import CallPage, Which
from agent.http.call_search import FILTERS, wanted

NOW = 1_900_000_000.0
CALL = {"call_id": "c-1", "number": "9995550100", "live": False}


def test_an_address_says_what_is_looked_for() -> None:
    given = {
        "id": " 4711 ",
        "number": "0100",
        "project": "acme-care",
        "end": "failed",
        "reason": "no_agent",
        "since": "2h",
        "until": "2030-03-17T17:46:40",
        "page": "1899999999.25_c-7",
        "limit": "20",
        "state": "over",
        "carrier": "",
    }
    assert wanted(given, NOW) == (
        CallQuery(
            any_id="4711",
            number="0100",
            project="acme-care",
            end="failed",
            reason="no_agent",
            since=NOW - 7200,
            until=1_900_000_000.0,
            before=(1_899_999_999.25, "c-7"),
            limit=20,
        ),
        Which.OVER,
    )
    assert wanted({}, NOW) == (CallQuery(limit=50), Which.ALL)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"contacts": "1"}, f"there is no filter 'contacts': there are {', '.join(FILTERS)}"),
        (
            {"end": "well"},
            "end 'well' is not known: write one of handoff, completed, failed, caller, refused",
        ),
        ({"reason": "luck"}, "reason 'luck' is not known"),
        ({"state": "up"}, "state 'up' is not known: write one of all, live, over, refused"),
        ({"since": "soon"}, "since: 'soon' is not a time: write 30m, 2h, 3d, or 2031-05-04T03:00"),
        ({"until": "-1"}, "until: '-1' is not a time"),
        ({"page": "7"}, "page is none that a list gave as next: leave it out to begin with the newest"),
        ({"page": "nan_c-7"}, "page is none"),
        ({"limit": "0"}, "limit is a number from 1 to 500"),
        ({"limit": "501"}, "limit is"),
        ({"limit": "ten"}, "limit is"),
        ({"id": "x" * 257}, "id is no text of at most 256 characters that can be printed"),
        ({"number": "1\x002"}, "number is no text"),
    ],
)
def test_what_can_not_be_looked_for_is_said(given: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        wanted(given, NOW)


async def test_calls_are_searched_and_come_in_pages(operations: Any, desk: Any) -> None:
    desk.finder.page = CallPage([CALL], more=(1000.5, "c-1"))
    status, answer, _ = await operations("GET", "/calls?contact=4711&limit=1")
    assert (status, answer) == (200, {"calls": [{**CALL, "number": "********00"}], "next": "1000.5_c-1"})
    assert desk.finder.asked == [(CallQuery(contact_id="4711", limit=1), Which.ALL)]
    desk.finder.page = CallPage([CALL], missing="calls on record can't be listed now: it is away")
    _, answer, _ = await operations("GET", "/calls?contact=4711&numbers=shown&page=1000.5_c-1")
    assert answer["calls"] == [CALL]
    assert (answer["next"], answer["missing"]) == (None, "calls on record can't be listed now: it is away")
    assert desk.finder.asked[1][0].before == (1000.5, "c-1")


async def test_a_search_that_can_not_be_made_is_refused(operations: Any, desk: Any) -> None:
    status, answer, _ = await operations("GET", "/calls?limit=many")
    assert (status, answer) == (422, {"error_message": "limit is a number from 1 to 500"})
    assert desk.finder.asked == []


async def test_without_a_filter_the_calls_that_are_up_are_told_as_ever(operations: Any, desk: Any) -> None:
    assert (await operations("GET", "/calls?numbers=shown"))[1] == {
        "calls": [{"call_id": "call-1", "state": "bridged"}]
    }
    assert desk.finder.asked == []
