# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulator's control API: ledger, faults, knobs, contacts, reset."""

from __future__ import annotations

import asyncio
import time
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from agent.simulators.cxone import CxoneSimulator

PATH = "/incontactAPI/services/v30.0/interactions/{}/signal"


async def _signal(http: aiohttp.ClientSession, token: str, contact_id: int = 1, timeout: float = 5) -> int:  # noqa: ASYNC109
    async with http.post(
        PATH.format(contact_id),
        headers={"Authorization": f"Bearer {token}"},
        timeout=aiohttp.ClientTimeout(total=timeout),
    ) as response:
        return response.status


async def _put_fault(http: aiohttp.ClientSession, **faults: object) -> None:
    async with http.put("/simulator/faults", json=faults) as response:
        assert response.status == 200, await response.text()


async def _get(http: aiohttp.ClientSession, path: str) -> Any:  # noqa: ANN401 - JSON
    async with http.get("/simulator/" + path) as response:
        return await response.json()


async def test_a_fault_strikes_as_often_as_told_and_is_counted(
    http: aiohttp.ClientSession, token: str
) -> None:
    await _put_fault(http, signal={"status": 503, "retry_after": 1, "times": 2, "after": 1})

    assert [await _signal(http, token) for _ in range(5)] == [202, 503, 503, 202, 202]
    assert (await _get(http, "faults"))["signal"][0]["hits"] == 2


async def test_an_answer_of_the_list_can_be_asked_for_by_name_and_varied(
    http: aiohttp.ClientSession, token: str
) -> None:
    await _put_fault(http, signal={"answer": "too_many", "retry_after": 7})
    async with http.post(PATH.format(1), headers={"Authorization": f"Bearer {token}"}) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "7")
        assert response.headers["icStatusDescription"] == "Too Many Requests"


async def test_a_share_of_the_requests_is_hit_evenly(http: aiohttp.ClientSession, token: str) -> None:
    await _put_fault(http, signal={"status": 500, "share": 0.2})

    assert [await _signal(http, token) for _ in range(10)].count(500) == 2


async def test_faults_are_tried_in_order_and_may_concern_one_contact(
    http: aiohttp.ClientSession, token: str
) -> None:
    await _put_fault(http, signal=[{"status": 500, "contact_id": "7"}, {"status": 502, "times": 1}])

    assert [await _signal(http, token, n) for n in (7, 8, 8, 7)] == [500, 502, 202, 500]


@pytest.mark.parametrize(
    ("given", "sent"),
    [(0, "0"), (7, "7"), (1234567, "1234567"), (100_000_000, "100000000"), (-3, "-3"), (0.5, "0.5")],
)
async def test_retry_after_is_sent_as_it_was_given(
    http: aiohttp.ClientSession, token: str, given: float, sent: str
) -> None:
    await _put_fault(http, signal={"status": 503, "retry_after": given})
    async with http.post(PATH.format(1), headers={"Authorization": f"Bearer {token}"}) as response:
        assert response.headers["Retry-After"] == sent


async def test_retry_after_can_be_a_date(http: aiohttp.ClientSession, token: str) -> None:
    await _put_fault(http, signal={"status": 503, "retry_after": 30, "retry_after_form": "date"})
    async with http.post(PATH.format(1), headers={"Authorization": f"Bearer {token}"}) as response:
        date = parsedate_to_datetime(response.headers["Retry-After"]).timestamp()

    assert date == pytest.approx(time.time() + 30, abs=5)


@pytest.mark.parametrize(
    ("mode", "accepted"),
    [
        ("timeout_before_accept", False),
        ("timeout_after_accept", True),
        ("reset_before", False),
        ("reset_after", True),
    ],
)
async def test_silence_is_told_apart_by_whether_the_signal_took_effect(
    http: aiohttp.ClientSession, token: str, mode: str, *, accepted: bool
) -> None:
    await _put_fault(http, signal={"mode": mode})

    with pytest.raises((TimeoutError, aiohttp.ClientError)):
        await _signal(http, token, timeout=3)

    [entry] = await _get(http, "signals")
    assert (entry["status"], entry["accepted"], entry["fault"]) == (None, accepted, mode)


async def test_a_web_page_a_delay_and_a_refused_token_can_be_had(
    http: aiohttp.ClientSession, token: str
) -> None:
    await _put_fault(http, signal={"mode": "html_200"})
    assert await _signal(http, token) == 200
    await _put_fault(http, signal={"mode": "slow", "seconds": 0.01})
    assert await _signal(http, token) == 202
    await _put_fault(http, signal={"mode": "token_401", "times": 1})
    assert [await _signal(http, token), await _signal(http, token)] == [401, 401]


@pytest.mark.parametrize("healed", [True, False], ids=["healed", "replaced"])
async def test_what_a_slow_endpoint_holds_is_served_once_its_fault_is_taken_away(
    http: aiohttp.ClientSession, token: str, *, healed: bool
) -> None:
    await _put_fault(http, signal={"mode": "slow", "seconds": 600})
    held = asyncio.ensure_future(_signal(http, token, timeout=60))
    while not await _get(http, "signals"):
        assert not held.done()
    if healed:
        await http.delete("/simulator/faults")
    else:
        await _put_fault(http, signal={"status": 500})
    assert await held == 202


@pytest.mark.parametrize("target", ["token", "access_key", "openid", "jwks", "discovery", "tms"])
async def test_every_endpoint_can_fail(http: aiohttp.ClientSession, target: str) -> None:
    paths = {
        "token": ("POST", "/auth/token"),
        "access_key": ("POST", "/authentication/v1/token/access-key"),
        "openid": ("GET", "/.well-known/openid-configuration"),
        "jwks": ("GET", "/auth/jwks"),
        "discovery": ("GET", "/.well-known/cxone-configuration"),
        "tms": ("POST", "/aai/tms/transcripts/post"),
    }
    await _put_fault(http, **{target: {"status": 502}})

    async with http.request(*paths[target]) as response:
        assert response.status == 502


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"signals": {"status": 503}}),
        ("faults", {"signal": {"mode": "fire"}}),
        ("faults", {"signal": {"stauts": 503}}),
        ("faults", {"signal": {"answer": "no_such"}}),
        ("faults", {"discovery": {"mode": "migrate"}}),
        ("faults", []),
        ("knobs", {"expires_in": 0}),
        ("knobs", {"no_such": 1}),
        ("contacts/1", {"state": "asleep"}),
        ("tenants/x", {"colour": "red"}),
    ],
)
async def test_what_makes_no_sense_is_refused_with_a_reason(
    http: aiohttp.ClientSession, path: str, body: object
) -> None:
    before = await _get(http, "knobs")
    async with http.put("/simulator/" + path, json=body) as response:
        assert response.status == 400
        assert (await response.json())["error_message"]

    assert await _get(http, "knobs") == before


async def test_the_ledger_can_be_read_by_contact_and_in_pages(
    http: aiohttp.ClientSession, token: str
) -> None:
    for contact_id in (1, 2, 1, 3):
        await _signal(http, token, contact_id)

    assert [e["number"] for e in await _get(http, "signals?contact_id=1")] == [1, 3]
    assert [e["number"] for e in await _get(http, "signals?after=1&limit=2")] == [2, 3]
    counts = await _get(http, "counts")
    assert (counts["signals"], counts["accepted"], counts["contacts"]) == (4, 4, 3)
    assert counts["contacts_signalled_more_than_once"] == 1


async def test_the_ledger_and_the_contacts_are_bounded(
    http: aiohttp.ClientSession, simulator: CxoneSimulator, token: str
) -> None:
    simulator.world.turn({"signals_kept": 3, "contacts_kept": 3})
    for contact_id in range(10):
        await _signal(http, token, contact_id)

    assert [e["contact_id"] for e in await _get(http, "signals")] == ["7", "8", "9"]
    assert await _get(http, "signals?contact_id=0") == []
    assert (await _get(http, "counts"))["signals"] == 10
    assert simulator.world.studio.look("0") is None


async def test_tokens_are_counted(http: aiohttp.ClientSession, token: str) -> None:
    assert token
    async with http.post("/auth/token", data={"grant_type": "password"}) as response:
        assert response.status == 401

    assert await _get(http, "tokens") == {
        "requests": 2,
        "issued": 1,
        "refused": 1,
        "refusals": {"invalid_client": 1},
    }


async def test_a_reset_brings_everything_back_but_leaves_tokens_good(
    http: aiohttp.ClientSession, token: str
) -> None:
    await http.put("/simulator/knobs", json={"expires_in": 2, "unknown_contacts": "refuse"})
    await http.put("/simulator/contacts/1", json={"state": "ended"})
    await _put_fault(http, signal={"status": 500})
    async with http.post("/simulator/reset") as response:
        assert response.status == 200

    assert await _get(http, "faults") == {}
    assert await _get(http, "signals") == []
    assert (await _get(http, "tokens"))["issued"] == 0
    assert await _signal(http, token) == 202
