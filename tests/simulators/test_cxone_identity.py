# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated identity server: each row of NICE's token endpoint, keys, discovery, regional log-in."""

from __future__ import annotations

from typing import Any

import aiohttp
import jwt
import pytest

from agent.simulators.cxone import DEMO_TENANT, CxoneSimulator

FORM = {
    "grant_type": "password",
    "username": "DEMOACCESSKEYID====",
    "password": "demo-access-key-secret====",
    "client_id": "handoff-agent",
    "client_secret": "demo-client-secret",
}
BASIC = aiohttp.encode_basic_auth("handoff-agent", "demo-client-secret")


async def _ask(http: aiohttp.ClientSession, form: dict[str, str], **how: Any) -> tuple[int, dict[str, Any]]:  # noqa: ANN401
    async with http.post("/auth/token", data=form, **how) as response:
        return response.status, await response.json()


def _without(*names: str, **changes: str) -> dict[str, str]:
    return {name: value for name, value in (FORM | changes).items() if name not in names}


async def test_the_openid_document_points_back_at_the_simulator(
    http: aiohttp.ClientSession, simulator: CxoneSimulator
) -> None:
    async with http.get("/.well-known/openid-configuration") as response:
        document = await response.json()

    assert document["issuer"] == simulator.url
    assert document["token_endpoint"] == simulator.url + "/auth/token"
    assert document["id_token_signing_alg_values_supported"] == ["RS256"]


async def test_other_methods_than_post_are_not_allowed(http: aiohttp.ClientSession) -> None:
    async with http.get("/auth/token") as response:
        assert response.status == 405


async def test_a_body_that_is_no_form_is_an_invalid_request(http: aiohttp.ClientSession) -> None:
    async with http.post("/auth/token", json=FORM) as response:
        assert (response.status, (await response.json())["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        (_without("grant_type"), 400, "unsupported_grant_type"),
        (_without(grant_type="client_credentials"), 400, "unsupported_grant_type"),
        (_without("client_id", "client_secret"), 401, "invalid_client"),
        (_without(client_secret="wrong"), 401, "invalid_client"),
        (_without("client_id", "username"), 401, "invalid_client"),
        (_without("username"), 400, "invalid_request"),
        (_without("password"), 400, "invalid_request"),
        (_without(username="OTHER===="), 401, "invalid_grant"),
        (_without(password="wrong"), 401, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, 401, "invalid_grant"),
    ],
)
async def test_each_wrong_request_has_its_error(
    http: aiohttp.ClientSession, form: dict[str, str], status: int, error: str
) -> None:
    answered, document = await _ask(http, form)

    assert (answered, document["error"]) == (status, error)


@pytest.mark.parametrize(
    ("knob", "error"),
    [
        ("app_enabled", "invalid_client"),
        ("access_key_active", "invalid_grant"),
        ("employee_active", "invalid_grant"),
        ("app_allows_tenant", "invalid_client"),
    ],
)
async def test_each_thing_switched_off_at_nice_has_its_error(
    http: aiohttp.ClientSession, simulator: CxoneSimulator, knob: str, error: str
) -> None:
    simulator.world.turn({knob: False})

    assert (await _ask(http, FORM))[1]["error"] == error


async def test_invalid_grant_can_be_told_as_the_rfc_has_it(
    http: aiohttp.ClientSession, simulator: CxoneSimulator
) -> None:
    nices = await _ask(http, _without(password="wrong"))
    simulator.world.turn({"invalid_grant_status": 400})
    rfcs = await _ask(http, _without(password="wrong"))

    assert (nices[0], "errorDescription" in nices[1]) == (401, True)
    assert (rfcs[0], "error_description" in rfcs[1]) == (400, True)


async def test_tokens_are_signed_with_the_published_key_and_tell_the_tenant(
    http: aiohttp.ClientSession, simulator: CxoneSimulator
) -> None:
    headers = {"Authorization": BASIC}
    status, document = await _ask(http, _without("client_id", "client_secret"), headers=headers)
    async with http.get("/auth/jwks") as response:
        key = jwt.PyJWKSet.from_dict(await response.json()).keys[0]

    claims = jwt.decode(document["id_token"], key, ["RS256"], audience="handoff-agent", issuer=simulator.url)
    assert status == 200
    assert document["token_type"] == "bearer"
    assert document["expires_in"] == 3600
    assert (claims["tenantId"], claims["icBUId"]) == (DEMO_TENANT, "4591234")
    jwt.decode(document["access_token"], key, ["RS256"], audience="handoff-agent")


async def test_a_refresh_token_is_good_for_one_new_pair(http: aiohttp.ClientSession) -> None:
    _, first = await _ask(http, FORM)
    form = {
        "grant_type": "refresh_token",
        "client_id": "handoff-agent",
        "refresh_token": first["refresh_token"],
    }

    assert (await _ask(http, form))[0] == 200
    assert (await _ask(http, form))[1]["error"] == "invalid_grant"


async def test_percent_encoded_credentials_are_only_taken_when_the_knob_says_so(
    http: aiohttp.ClientSession, simulator: CxoneSimulator
) -> None:
    headers = {"Authorization": aiohttp.encode_basic_auth("handoff%2Dagent", "demo-client-secret")}
    form = _without("client_id", "client_secret")

    before = (await _ask(http, form, headers=headers))[0]
    simulator.world.turn({"basic_percent_decode": True})

    assert (before, (await _ask(http, form, headers=headers))[0]) == (401, 200)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"accessKeyId": "DEMOACCESSKEYID====", "accessKeySecret": "demo-access-key-secret===="}, 200),
        ({"accessKeyId": "DEMOACCESSKEYID====", "accessKeySecret": "wrong"}, 401),
        ({}, 401),
        ([], 401),
    ],
)
async def test_the_regional_endpoint_takes_an_access_key_alone(
    http: aiohttp.ClientSession, body: object, status: int
) -> None:
    async with http.post("/authentication/v1/token/access-key", json=body) as response:
        assert response.status == status


async def test_discovery_tells_the_tenants_endpoint_and_less_without_one(
    http: aiohttp.ClientSession, simulator: CxoneSimulator
) -> None:
    path = "/.well-known/cxone-configuration"
    async with http.get(path, params={"tenantId": DEMO_TENANT}) as response:
        known = await response.json()
    async with http.get(path) as response:
        generic = await response.json()
    async with http.get(path, params={"tenantId": "other"}) as response:
        unknown = response.status

    assert (known["api_endpoint"], known["area"], known["tenantId"]) == (simulator.url, "na1", DEMO_TENANT)
    assert not {"area", "cluster", "tenantId"} & generic.keys()
    assert unknown == 404


async def test_a_second_customer_has_an_endpoint_and_a_log_in_of_its_own(
    http: aiohttp.ClientSession,
) -> None:
    other = {
        "business_unit": "77",
        "client_id": "other",
        "access_key_id": "OTHER====",
        "api_endpoint": "https://api-eu1.niceincontact.com",
    }
    async with http.put("/simulator/tenants/22222222-2222-4222-8222-222222222222", json=other) as response:
        assert response.status == 200
    async with http.get(
        "/.well-known/cxone-configuration", params={"tenantId": "22222222-2222-4222-8222-222222222222"}
    ) as response:
        found = (await response.json())["api_endpoint"]

    assert found == "https://api-eu1.niceincontact.com"
    assert (await _ask(http, _without(client_id="other", username="OTHER====")))[0] == 200
    assert (await _ask(http, _without(client_id="other")))[1]["error"] == "invalid_client"
