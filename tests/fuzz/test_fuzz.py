# SPDX-License-Identifier: GPL-3.0-or-later
"""The short form of ``make fuzz``, the same each time; and that the fuzzer sees what it looks for."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fuzz.rig import Finding, Rig
from tests.fuzz.run import fuzz, torture

pytestmark = [pytest.mark.calls, pytest.mark.slow, pytest.mark.timeout(300)]

SEED = 1
COUNT = 150


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    """An agent under AddressSanitizer of its own: a finding must not spoil another test's."""
    rig = Rig(tmp_path)
    async with rig.there():
        yield rig


async def test_neither_torture_nor_mutation_harms_the_agent(rig: Rig) -> None:
    found = await torture(rig) + await fuzz(rig, SEED, range(COUNT))
    assert not found, "\n".join(finding.line for finding in found)


async def test_a_crash_is_seen_and_named(rig: Rig) -> None:
    await rig.settled()
    rig.house.agent.send(signal.SIGSEGV)
    with pytest.raises(Finding, match="SEGV") as finding:
        await rig.settled()
    assert "#0 " in finding.value.report
