# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated CXone on a free port and a plain HTTP client for it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from agent.simulators.cxone import CxoneSimulator, Knobs, Tenant


@pytest.fixture
async def simulator() -> AsyncIterator[CxoneSimulator]:
    async with CxoneSimulator([Tenant()], Knobs(effect_delay=0)) as running:
        yield running


@pytest.fixture
async def http(simulator: CxoneSimulator) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(simulator.url, timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield session


@pytest.fixture
async def token(http: aiohttp.ClientSession) -> str:
    form = {
        "grant_type": "password",
        "username": "DEMOACCESSKEYID====",
        "password": "demo-access-key-secret====",
        "client_id": "handoff-agent",
        "client_secret": "demo-client-secret",
    }
    async with http.post("/auth/token", data=form) as response:
        assert response.status == 200
        access: str = (await response.json())["access_token"]
        return access
