# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated CXone on a free port, a client for it, and projects that use it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pydantic import SecretStr

from agent.core.model import Project, Target, VoiceAgent
from agent.core.model.cxone import CxoneTenant
from agent.cxone.client import Cxone
from agent.names.names import Names
from agent.simulators.cxone import CxoneSimulator, Knobs, Tenant
from agent.web.client import Client
from agent.web.session import new_session


@pytest.fixture
async def simulator() -> AsyncIterator[CxoneSimulator]:
    async with CxoneSimulator([Tenant()], Knobs(effect_delay=0)) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[Client]:
    async with Names() as names, new_session(names) as opened:
        yield opened


@pytest.fixture
async def cxone(session: Client) -> AsyncIterator[Cxone]:
    client = Cxone(session)
    yield client
    await client.aclose()


@pytest.fixture
def project_for() -> Callable[..., Project]:
    return make_project


@pytest.fixture
def project(simulator: CxoneSimulator) -> Project:
    return make_project(simulator.url)


def make_project(issuer: str, **changes: Any) -> Project:  # noqa: ANN401 - pydantic checks them
    """A project whose CXone tenant is the demo's, at the given issuer."""
    settings: dict[str, Any] = {
        "issuer": issuer,
        "business_unit": "4591234",
        "client_id": "handoff-agent",
        "client_secret": SecretStr("demo-client-secret"),
        "access_key_id": "DEMOACCESSKEYID====",
        "access_key_secret": SecretStr("demo-access-key-secret===="),
    }
    return Project(
        project="acme-care",
        account="acme",
        voice_agent=VoiceAgent(targets=(Target(uri="sip:bot@127.0.0.1:5070"),)),
        cxone=CxoneTenant(**(settings | changes)),
    )
