# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated Signal API: each row of the table, merging, effects on the script, and TMS."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from agent.simulators.cxone import CxoneSimulator

PATH = "/incontactAPI/services/v30.0/interactions/{}/signal"


async def _signal(
    http: aiohttp.ClientSession,
    token: str,
    contact_id: str = "1001",
    *,
    path: str = PATH,
    method: str = "POST",
    **how: Any,  # noqa: ANN401 - passed on to aiohttp
) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} | how.pop("headers", {})
    async with http.request(method, path.format(contact_id), headers=headers, **how) as response:
        return response.status, response.headers.get("icStatusDescription", "")


async def _effects(simulator: CxoneSimulator, contact_id: str = "1001") -> list[str]:
    while any(entry["effect"] == "pending" for entry in simulator.signals(contact_id)):
        await asyncio.sleep(0)
    return [entry["effect"] for entry in simulator.signals(contact_id)]


@pytest.mark.parametrize("spelling", ["incontactAPI", "inContactAPI", "InContactAPI", "incontactapi"])
@pytest.mark.parametrize("version", ["v1.0", "v10.0", "v24.0", "v30.0", "v40.0"])
async def test_a_good_request_is_accepted_with_202_and_no_body(
    http: aiohttp.ClientSession, token: str, spelling: str, version: str
) -> None:
    path = f"/{spelling}/services/{version}/interactions/1001/signal"
    headers = {"Authorization": f"Bearer {token}", "CorrelationId": "abc"}
    async with http.post(path, json={"p1": "End"}, headers=headers) as response:
        assert (response.status, await response.text()) == (202, "")
        assert response.headers["CorrelationId"] == "abc"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_row_1_other_methods(http: aiohttp.ClientSession, token: str, method: str) -> None:
    assert await _signal(http, token, method=method) == (405, "Method Not Allowed")


async def test_row_2_no_contact_id(http: aiohttp.ClientSession, token: str) -> None:
    assert await _signal(http, token, "") == (405, "Method Not Allowed")


@pytest.mark.parametrize("version", ["v0.0", "v41.0", "v30.1", "30.0", "v", "vx"])
async def test_row_3_versions_that_there_are_none_of(
    http: aiohttp.ClientSession, token: str, version: str
) -> None:
    path = f"/incontactAPI/services/{version}/interactions/1001/signal"
    assert (await _signal(http, token, path=path))[0] == 404


async def test_row_4_tokens_that_are_none(
    http: aiohttp.ClientSession, simulator: CxoneSimulator, token: str
) -> None:
    for header in ("", "Bearer", "Bearer x.y.z", f"Basic {token}"):
        assert await _signal(http, token, headers={"Authorization": header}) == (401, "Unauthorized")
    simulator.world.turn({"early_reject_after": 0})
    assert (await _signal(http, token))[0] == 401
    simulator.world.turn({"early_reject_after": None})
    assert (await _signal(http, token))[0] == 202
    async with http.delete("/simulator/tokens") as response:
        assert response.status == 200
    assert (await _signal(http, token))[0] == 401


@pytest.mark.parametrize("knob", ["app_has_admin_api", "employee_permitted"])
async def test_row_5_permissions(
    http: aiohttp.ClientSession, simulator: CxoneSimulator, token: str, knob: str
) -> None:
    simulator.world.turn({knob: False})

    assert await _signal(http, token) == (403, "Forbidden")


async def test_row_6_an_empty_bucket_asks_for_patience(
    http: aiohttp.ClientSession, simulator: CxoneSimulator, token: str
) -> None:
    simulator.world.turn({"rate": 0.1, "burst": 2})
    statuses = [(await _signal(http, token))[0] for _ in range(2)]
    async with http.post(PATH.format(1), headers={"Authorization": f"Bearer {token}"}) as response:
        assert response.status == 429
        assert 1 <= int(response.headers["Retry-After"]) <= 10

    assert statuses == [202, 202]


@pytest.mark.parametrize("contact_id", ["abc", "-1", "1.5", "%201", "9223372036854775808", "1" * 20])
async def test_row_7_ids_that_are_none(http: aiohttp.ClientSession, token: str, contact_id: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with http.post(PATH.format(contact_id), headers=headers) as response:
        assert (response.status, response.headers["icStatusDescription"]) == (404, "InvalidContactId")


async def test_rows_8_and_9_contacts_of_others_unknown_or_ended(
    http: aiohttp.ClientSession, simulator: CxoneSimulator, token: str
) -> None:
    await http.put("/simulator/contacts/8", json={"tenant": "another"})
    await http.put("/simulator/contacts/9", json={"state": "ended"})

    assert await _signal(http, token, "8") == (404, "InvalidContactId")
    assert await _signal(http, token, "9") == (404, "InvalidContactId")
    simulator.world.turn({"ended_contact": "400"})
    assert (await _signal(http, token, "9"))[0] == 400
    simulator.world.turn({"ended_contact": "drop", "unknown_contacts": "refuse"})
    assert (await _signal(http, token, "9"))[0] == 202
    assert (await _effects(simulator, "9"))[-1] == "dropped"
    assert (await _signal(http, token, "10"))[0] == 404


@pytest.mark.parametrize("body", ["[]", "{", "7", '"p1"'])
async def test_row_10_bodies_that_are_no_json_object(
    http: aiohttp.ClientSession, token: str, body: str
) -> None:
    headers = {"Content-Type": "application/json"}
    assert (await _signal(http, token, data=body, headers=headers))[0] == 400


async def test_row_11_urls_that_are_too_long(
    http: aiohttp.ClientSession, simulator: CxoneSimulator, token: str
) -> None:
    long = {"p1": "x" * 3000}

    assert (await _signal(http, token, params=long))[0] == 414
    simulator.world.turn({"url_limit_status": 404})
    assert (await _signal(http, token, params=long))[0] == 404
    simulator.world.turn({"url_limit": None})
    assert (await _signal(http, token, params={"p1": "x" * 20_000}))[0] == 202


async def test_row_12_values_that_are_too_long(
    http: aiohttp.ClientSession, simulator: CxoneSimulator, token: str
) -> None:
    assert (await _signal(http, token, json={"p2": "x" * 5000}))[0] == 202
    simulator.world.turn({"parameter_limit": 4})
    assert await _signal(http, token, json={"p2": "ééé"}) == (400, "Invalid parameter 'p2'")


async def test_row_13_other_names_are_ignored(
    http: aiohttp.ClientSession, simulator: CxoneSimulator, token: str
) -> None:
    assert (await _signal(http, token, json={"p1": "a", "p10": "b", "skill": "c"}))[0] == 202

    [entry] = simulator.signals()
    assert (entry["parameters"], entry["ignored"]) == ({"p1": "a"}, ["p10", "skill"])


async def test_query_and_body_are_merged_and_a_conflict_is_told(
    http: aiohttp.ClientSession, simulator: CxoneSimulator, token: str
) -> None:
    how: dict[str, Any] = {"params": {"p1": "query", "p2": "b"}, "json": {"p1": "body", "p3": "c"}}
    await _signal(http, token, "1", **how)
    simulator.world.turn({"conflict_winner": "query"})
    await _signal(http, token, "2", **how)

    first, second = simulator.signals()
    assert first["parameters"] == {"p1": "body", "p2": "b", "p3": "c"}
    assert second["parameters"]["p1"] == "query"
    assert (first["sources"], first["conflicts"]) == ("mixed", ["p1"])


async def test_a_signal_interrupts_a_busy_script_and_two_at_once_look_like_one(
    http: aiohttp.ClientSession, simulator: CxoneSimulator, token: str
) -> None:
    simulator.world.turn({"double_window": 0})
    for value in ("a", "b"):
        await _signal(http, token, json={"p1": value})
        await _effects(simulator)
    simulator.world.turn({"double_window": 1000})
    await _signal(http, token, json={"p1": "c"})

    assert await _effects(simulator) == ["onsignal", "interrupted", "double"]
    async with http.get("/simulator/contacts/1001") as response:
        contact = await response.json()
    assert [run["parameters"]["p1"] for run in contact["onsignals"]] == ["a", "b"]
    assert [run["source"] for run in contact["onsignals"]] == [0, 0]
    assert (contact["script"], contact["signals"]) == ("busy", 3)


@pytest.mark.parametrize("script", ["no_onsignal", "gone"])
async def test_a_script_that_does_not_listen_drops_the_signal_silently(
    http: aiohttp.ClientSession, simulator: CxoneSimulator, token: str, script: str
) -> None:
    await http.put("/simulator/contacts/1001", json={"script": script})

    assert (await _signal(http, token))[0] == 202
    assert await _effects(simulator) == ["dropped"]


async def test_a_script_may_wait_again_after_a_time(
    http: aiohttp.ClientSession, simulator: CxoneSimulator, token: str
) -> None:
    simulator.world.turn({"busy_seconds": 0})
    await _signal(http, token)
    await _effects(simulator)
    while simulator.world.studio.place("1001").script == "busy":
        await asyncio.sleep(0)


async def test_a_missing_accept_header_brings_nices_odd_text(http: aiohttp.ClientSession, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with http.post(PATH.format(1), headers=headers, skip_auto_headers=["Accept"]) as response:
        assert (response.status, await response.text()) == (202, "No known way to render data")
