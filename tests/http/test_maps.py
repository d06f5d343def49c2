# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Number maps on the operations listener: previews, the history of reloads, search, who takes a number."""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import Any

import pytest

from agent.core.drafts import Draft, DraftError
from agent.core.errors import SettingsError
from agent.core.reloads import Cause
from agent.http.maps import DRAFT_AT_MOST

CSV = {"Content-Type": "text/csv"}
TEXT = b"number,project\n1,care\n"


async def test_a_reload_says_who_asked_and_why(operations: Any, desk: Any) -> None:
    await operations("POST", "/reload?why=new+numbers", headers={"X-Requested-By": "ana"})
    await operations("POST", "/reload")
    assert desk.causes == [
        Cause("http", "ana", "127.0.0.1", "new numbers"),
        Cause("http", "test", "127.0.0.1"),
    ]


async def test_the_history_is_told_newest_first(operations: Any) -> None:
    status, answer, _ = await operations("GET", "/reloads")
    assert (status, [one["how"] for one in answer["reloads"]]) == (200, ["signal", "start"])
    assert len((await operations("GET", "/reloads?limit=1"))[1]["reloads"]) == 1


@pytest.mark.parametrize("limit", ["0", "-1", "x", "", "\u0663"])
async def test_a_limit_that_is_none_is_told(operations: Any, limit: str) -> None:
    status, answer, _ = await operations("GET", "/reloads", params={"limit": limit})
    assert (status, answer["error_message"]) == (422, "limit is a number from 1 to 500")


@pytest.mark.parametrize(
    ("kind", "sent"),
    [("json", "application/json"), ("csv", "text/csv; charset=utf-8"), ("yaml", "application/yaml")],
)
async def test_a_draft_goes_on_as_it_came(operations: Any, desk: Any, kind: Any, sent: str) -> None:
    status, answer, _ = await operations(
        "POST", "/preview?file=a.csv", data=TEXT, headers={"Content-Type": sent}
    )
    assert (status, answer["result"]) == (200, "would_load")
    assert desk.maps.drafts == [Draft(kind, TEXT, "a.csv")]


async def test_one_that_would_be_refused_is_told_as_a_reload_would(operations: Any, desk: Any) -> None:
    desk.maps.answer = {"result": "refused", "mistakes": [{"told": "a.csv:1:1: what is wrong"}]}
    assert (await operations("POST", "/preview", data=TEXT, headers=CSV))[0] == 422
    desk.maps.answer = {"result": "held", "mistakes": []}
    assert (await operations("POST", "/preview", data=TEXT, headers=CSV))[0] == 200


async def test_what_is_no_draft_or_can_t_be_looked_at_now_is_told(operations: Any, desk: Any) -> None:
    desk.maps.answer = DraftError("it is not JSON")
    status, answer, _ = await operations("POST", "/preview", data=TEXT, headers=CSV)
    assert (status, answer["error_message"]) == (422, "it is not JSON")
    desk.maps.answer = SettingsError("the child died")
    assert (await operations("POST", "/preview", data=TEXT, headers=CSV))[0] == 500
    assert (await operations("POST", "/preview", data=TEXT, headers={"Content-Type": "text/plain"}))[0] == 415


@pytest.mark.parametrize("length", [DRAFT_AT_MOST + 1, 50 << 20])
@pytest.mark.parametrize("expect", ["", "Expect: 100-continue\r\n"])
async def test_one_that_is_too_large_is_refused_before_it_is_read(
    operations: Any, desk: Any, length: int, expect: str
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", operations.port)
    head = "POST /preview HTTP/1.1\r\nHost: localhost\r\nX-Requested-By: me\r\nContent-Type: text/csv\r\n"
    writer.write(f"{head}{expect}Content-Length: {length}\r\n\r\n".encode())  # and nothing of it
    answer = await reader.readuntil(b"}")
    writer.close()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"handoff-agent diff OLD NEW at what it moves" in answer
    assert desk.maps.drafts == []


async def test_one_that_does_not_say_how_long_it_is_ends_where_it_is_too_large(
    operations: Any, desk: Any
) -> None:
    async def parts() -> Any:
        for _ in range(DRAFT_AT_MOST // 65536 + 1):
            yield b"x" * 65536

    status, answer, _ = await operations("POST", "/preview", data=parts(), headers=CSV)
    assert (status, desk.maps.drafts) == (413, [])
    assert "5 MiB" in answer["error_message"]


async def test_one_of_just_the_most_is_taken_also_by_those_who_ask_first(operations: Any, desk: Any) -> None:
    body = TEXT.ljust(DRAFT_AT_MOST, b"\n")
    for expect in (False, True):
        options = {"headers": CSV, "expect100": expect}
        assert (await operations("POST", "/preview", data=BytesIO(body), **options))[0] == 200
    assert [len(draft.body) for draft in desk.maps.drafts] == [DRAFT_AT_MOST] * 2


async def test_what_else_is_expected_can_t_be_done(operations: Any) -> None:
    headers = {**CSV, "Expect": "a-pony"}
    assert (await operations("POST", "/preview", data=TEXT, headers=headers))[0] == 417


async def test_a_page_of_another_site_can_t_have_a_preview_made(operations: Any, desk: Any) -> None:
    headers = {**CSV, "Origin": "http://evil.example"}
    assert (await operations("POST", "/preview", data=TEXT, headers=headers))[0] == 403
    assert desk.maps.drafts == []


async def test_rules_are_searched_and_numbers_explained(operations: Any, desk: Any) -> None:
    assert (await operations("GET", "/numbers?search=999&limit=7"))[0] == 200
    asked = {"number": "999", "carrier": "one", "token": "t"}
    assert (await operations("POST", "/route", json=asked))[1]["carrier"] == "one"
    assert desk.maps.asked == [("999", 7), ("999", "one", "t")]
    status, answer, _ = await operations("POST", "/route", json={"number": "1", "carrier": "two"})
    assert (status, answer["error_message"]) == (404, "there is no such carrier: the configuration has one")
