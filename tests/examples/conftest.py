# SPDX-License-Identifier: GPL-3.0-or-later
"""One agent for the examples."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.calls.harness.house import House
from tests.calls.harness.plan import Plan
from tests.examples.neighbours import KEEP, Run, programs, running_house


def change(plan: Plan) -> None:
    """Transcripts, and a project that may leave the caller with the voice agent."""
    plan.projects["acme-care"]["cxone"]["transcripts"] = {"vendor_id": "acme", "virtual_agent_id": "bot"}
    plan.add("acme-keep", KEEP, on_signal_failure="keep", deadline="1s")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The agent."""
    with running_house(tmp_path_factory, change) as house:
        yield house


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Run]:
    """Starts an example."""
    async with programs(tmp_path) as run:
        yield run
