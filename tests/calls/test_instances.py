# SPDX-License-Identifier: GPL-3.0-or-later
"""Two agents of one folder: each has its own calls, ports and record, and the end of one is its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import House, environment, new_contact
from tests.calls.harness.instances import houses
from tests.calls.harness.plan import VOICE_AGENT, Plan
from tests.calls.harness.processes import COMMAND
from tests.calls.harness.sipp import Sipp
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls

CONNECTED = {"p1": "Connected"}


def patient(plan: Plan) -> None:
    """A call without audio is not lost, however slow the machine is."""
    plan.agent["media"]["silence_timeout"] = "10m"


@asynccontextmanager
async def two(cxone: Cxone, folder: Path) -> AsyncIterator[list[House]]:
    """Both, started, and a voice agent for them."""
    agents = houses(2, cxone, folder, patient)
    bot = Sipp("load/voice_agent.xml", port=agents[0].plan.first, address=VOICE_AGENT, calls=0, limit=300)
    try:
        async with bot:
            for agent in agents:
                await asyncio.to_thread(agent.start)
            yield agents
    finally:
        for agent in agents:
            agent.agent.kill()


async def command(agent: House, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What a command says, run with their folder."""
    return await asyncio.to_thread(
        subprocess.run,
        [str(COMMAND), *arguments, "--config", str(agent.config)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment()},
    )


async def up(agent: House) -> None:
    """Wait until its only call is up."""
    await eventually(lambda: [call["state"] for call in agent.live()] == ["bridged"], 60, "a call is up")


async def test_one_that_is_killed_takes_its_own_calls_along_and_no_other_s(
    cxone: Cxone, tmp_path: Path
) -> None:
    contacts = [new_contact(), new_contact()]
    async with two(cxone, tmp_path) as (first, second):
        callers = [
            agent.caller("on_cue", contact, limit=300)
            for agent, contact in zip((first, second), contacts, strict=True)
        ]
        async with callers[0], callers[1]:
            for agent in (first, second):
                await up(agent)
            await asyncio.to_thread(first.agent.kill)
            said = await command(second, "calls", "--live", "--json", "--instance", "2")
            assert [call["contact_id"] for call in json.loads(said.stdout)["calls"]] == [contacts[1]]
            callers[1].cue()
            await callers[1].succeeds()
            await second.ended(callers[1], "caller", "caller_hung_up")
            await asyncio.to_thread(first.start)
            await first.ended(callers[0], "failed", "process_died")
        await first.signalled(contacts[0], CONNECTED, {"p1": "Escalate", "p3": "process_died"})
        await second.signalled(contacts[1], CONNECTED)
        assert second.records.call(callers[0].call_id) is None
        for agent in (first, second):
            await asyncio.to_thread(agent.close)


async def test_one_that_runs_already_is_not_started_again(cxone: Cxone, tmp_path: Path) -> None:
    async with two(cxone, tmp_path) as (_, second):
        again = await command(second, "run", "--instance", "2")
        assert again.returncode == 2
        assert f"{tmp_path}/agent-2.db can't be used: another agent is using it" in again.stderr
        reloaded = await command(second, "reload", "--instance", "2")
        assert (reloaded.returncode, reloaded.stdout) == (0, "nothing changed\n")
        third = await command(second, "run", "--instance", "3")
        assert third.returncode == 1
        assert "there is no instance 3: instances.count is 2" in third.stderr
