# SPDX-License-Identifier: GPL-3.0-or-later
"""A name server of the test's own, and what asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from agent.names.answers import LookUp
from agent.names.names import Names
from tests.harness.name_server import NameServer


@pytest.fixture
def server() -> Iterator[NameServer]:
    with NameServer() as running:
        yield running


@pytest.fixture
def told() -> list[LookUp]:
    return []


@pytest.fixture
async def names(server: NameServer, told: list[LookUp]) -> AsyncIterator[Names]:
    async with Names([server.address], told=told.append) as made:
        yield made
