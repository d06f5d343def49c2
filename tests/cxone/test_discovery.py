# SPDX-License-Identifier: GPL-3.0-or-later
"""Where to ask: cached, last good, allow-listed; against the simulated issuer."""

from __future__ import annotations

import asyncio
import time

import pytest

from agent.core.errors import CxoneError
from agent.core.model.cxone import CxoneTenant
from agent.core.model.project import Project
from agent.cxone.discovery import Discovery
from agent.simulators.cxone import DEMO_TENANT, CxoneSimulator
from agent.web.client import Client
from agent.web.last_good import LastGood


@pytest.fixture
def settings(project: Project) -> CxoneTenant:
    assert project.cxone is not None
    return project.cxone


async def test_both_endpoints_are_found_at_the_issuer(
    session: Client, simulator: CxoneSimulator, settings: CxoneTenant
) -> None:
    discovery = Discovery(session, time.time)

    assert await discovery.token_endpoint(settings) == simulator.url + "/auth/token"
    assert await discovery.api_endpoint(settings, simulator.url, DEMO_TENANT) == simulator.url


@pytest.mark.parametrize("suffix", ["/", "/inContactAPI", "/InContactAPI/"])
async def test_an_endpoint_is_used_without_the_suffix_that_the_request_brings(
    session: Client, simulator: CxoneSimulator, settings: CxoneTenant, suffix: str
) -> None:
    simulator.fails("discovery", mode="migrate", api_endpoint="https://api-na1.niceincontact.com" + suffix)

    found = await Discovery(session, time.time).api_endpoint(settings, simulator.url, DEMO_TENANT)

    assert found == "https://api-na1.niceincontact.com"


@pytest.mark.parametrize(
    "fault", [{"mode": "no_api_endpoint"}, {"mode": "html_200"}, {"status": 500}, {"mode": "reset_before"}]
)
async def test_without_an_answer_of_use_there_is_a_retryable_error(
    session: Client,
    simulator: CxoneSimulator,
    settings: CxoneTenant,
    fault: dict[str, object],
) -> None:
    simulator.fails("discovery", **fault)

    with pytest.raises(CxoneError, match="the tenant's discovery") as caught:
        await Discovery(session, time.time).api_endpoint(settings, simulator.url, DEMO_TENANT)

    assert caught.value.retryable


@pytest.mark.parametrize(
    ("step", "words"), [("openid", "no answer in time"), ("closed", "could not connect")]
)
async def test_an_issuer_that_is_silent_is_told_apart_from_one_that_can_t_be_reached(
    session: Client, simulator: CxoneSimulator, settings: CxoneTenant, step: str, words: str
) -> None:
    simulator.fails("openid", mode="timeout_before_accept")
    if step == "closed":
        await simulator.aclose()

    with pytest.raises(CxoneError, match=words):
        await Discovery(session, time.time).token_endpoint(settings.model_copy(update={"timeout": 0.2}))


async def test_an_unknown_tenant_has_no_endpoint(
    session: Client, simulator: CxoneSimulator, settings: CxoneTenant
) -> None:
    with pytest.raises(CxoneError, match="HTTP 404"):
        await Discovery(session, time.time).api_endpoint(settings, simulator.url, "no-such-tenant")


async def test_a_doubted_endpoint_is_looked_up_anew_and_the_last_good_one_kept_on_failure(
    session: Client, simulator: CxoneSimulator, settings: CxoneTenant
) -> None:
    now = [1000.0]
    discovery = Discovery(session, lambda: now[0])
    await discovery.api_endpoint(settings, simulator.url, DEMO_TENANT)
    simulator.fails("discovery", status=500)

    discovery.doubt(simulator.url, DEMO_TENANT)
    kept = await discovery.api_endpoint(settings, simulator.url, DEMO_TENANT)
    moved = "https://api-na2.niceincontact.com"
    simulator.fails("discovery", mode="migrate", api_endpoint=moved)
    now[0] += 5
    discovery.doubt(simulator.url, DEMO_TENANT)

    assert kept == simulator.url
    assert await discovery.api_endpoint(settings, simulator.url, DEMO_TENANT) == moved


async def test_an_old_value_is_given_at_once_and_renewed_behind_the_scenes() -> None:
    now = [0.0]
    fetched: asyncio.Queue[str] = asyncio.Queue()
    await fetched.put("old")
    kept = LastGood(fetched.get, 3600, lambda: now[0])
    assert await kept.get() == "old"
    now[0] = 3600

    meanwhile = await kept.get()
    task = kept._task
    assert task is not None
    await fetched.put("new")
    await task

    assert meanwhile == "old"
    assert await kept.get() == "new"


async def test_a_first_failure_is_not_repeated_for_each_who_asks() -> None:
    now = [0.0]
    tries: list[float] = []

    async def fetch() -> str:
        tries.append(now[0])
        raise CxoneError("no")

    kept = LastGood(fetch, 3600, lambda: now[0])
    for now[0] in (0.0, 0.4, 0.5, 1.4, 1.5, 3.4, 3.5, 7.4, 7.5, 12.4, 12.5):
        with pytest.raises(CxoneError, match="no"):
            await kept.get()

    assert tries == [0.0, 0.5, 1.5, 3.5, 7.5, 12.5]


@pytest.mark.parametrize("broken", [RecursionError(), TypeError("a parser's")])
async def test_a_look_up_that_breaks_is_not_tried_again_at_once(broken: Exception) -> None:
    fetched, now = 0, 1000.0

    async def fetch() -> str:
        nonlocal fetched
        fetched += 1
        if fetched == 1:
            raise broken
        return "found"

    kept = LastGood(fetch, 3600.0, lambda: now)
    for _ in range(2):
        with pytest.raises(CxoneError, match="broke") as caught:
            await kept.get()
        assert caught.value.retryable
    assert fetched == 1
    now += 1
    assert await kept.get() == "found"
