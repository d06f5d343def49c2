# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated transcript endpoint: what it takes, what it refuses, what its ledger tells."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from agent.simulators.cxone import CxoneSimulator

PATH = "/aai/tms/transcripts/post"


def transcript(*bodies: object, contact_id: str = "4710", **changes: object) -> dict[str, object]:
    lines = [{"participantId": "Bot", "messageBody": body} for body in bodies]
    document: dict[str, object] = {
        "vendorId": "v",
        "busId": "4591234",
        "virtualAgentId": "bot",
        "contactId": contact_id,
        "selfServiceSessionDetails": {"transcripts": lines},
    }
    return document | changes


async def post(http: aiohttp.ClientSession, token: str, document: object) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    async with http.post(PATH, json=document, headers=headers) as response:
        return response.status


async def ledger(http: aiohttp.ClientSession, query: str = "") -> list[dict[str, Any]]:
    async with http.get(f"/simulator/transcripts{query}") as response:
        listed: list[dict[str, Any]] = await response.json()
        return listed


async def counts(http: aiohttp.ClientSession) -> dict[str, int]:
    async with http.get("/simulator/counts") as response:
        counted: dict[str, int] = await response.json()
        return counted


@pytest.mark.parametrize(
    ("document", "status"),
    [
        (transcript("Hello"), 200),
        (transcript(), 200),
        (transcript("Hello", {"text": "Hello"}), 400),
        (transcript(None), 400),
        (transcript("Hello", vendorId=""), 400),
        (transcript("Hello", contactId=4710), 400),
        (transcript("Hello", selfServiceSessionDetails={}), 400),
        ([], 400),
    ],
)
async def test_transcripts_take_texts_only_and_need_their_fields(
    http: aiohttp.ClientSession, token: str, document: object, status: int
) -> None:
    assert await post(http, token, document) == status
    assert [entry["accepted"] for entry in await ledger(http)] == [status == 200]


async def test_transcripts_need_a_token_and_may_say_so_under_another_status(
    http: aiohttp.ClientSession, simulator: CxoneSimulator
) -> None:
    async with http.post(PATH, json=transcript("Hello")) as response:
        assert response.status == 401
    simulator.world.turn({"tms_expired_as_400": True})
    async with http.post(PATH, json=transcript("Hello")) as response:
        assert (response.status, "expired" in await response.text()) == (400, True)
    assert [entry["status"] for entry in await ledger(http)] == [401, 400]
    assert (await counts(http))["transcripts_accepted"] == 0


async def test_the_ledger_tells_each_request_by_its_master_contact_and_counts_doubles(
    http: aiohttp.ClientSession, token: str
) -> None:
    for contact_id in ("4710", "4720", "4710"):
        assert await post(http, token, transcript("Hello", contact_id=contact_id)) == 200
    assert [entry["number"] for entry in await ledger(http, "?contact_id=4710")] == [1, 3]
    (second,) = await ledger(http, "?after=1&limit=1")
    assert second["body"] == transcript("Hello", contact_id="4720")
    counted = await counts(http)
    assert (counted["transcripts"], counted["transcripts_accepted"]) == (3, 3)
    assert counted["contacts_transcribed_more_than_once"] == 1
    async with http.post("/simulator/reset"):
        assert await ledger(http) == []


async def test_a_transcript_that_takes_effect_without_an_answer_is_in_the_ledger(
    http: aiohttp.ClientSession, simulator: CxoneSimulator, token: str
) -> None:
    simulator.fails("tms", mode="reset_after")
    with pytest.raises(aiohttp.ClientError):
        await post(http, token, transcript("Hello"))
    simulator.fails("tms", mode="reset_before")
    with pytest.raises(aiohttp.ClientError):
        await post(http, token, transcript("Hello"))
    told = [(entry["fault"], entry["accepted"], entry["status"]) for entry in await ledger(http)]
    assert told == [("reset_after", True, None), ("reset_before", False, None)]
