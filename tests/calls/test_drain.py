# SPDX-License-Identifier: GPL-3.0-or-later
"""Draining: no new calls, running ones finish, all who ask get the same answer, the process ends well."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.metrics import total
from tests.calls.harness.plan import Plan
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls


@pytest.fixture
def house(cxone: Cxone, tmp_path: Path) -> Iterator[House]:
    """An agent of its own for each test: it ends here."""
    cxone.heal()
    house = House(Plan(cxone.port), cxone, tmp_path)
    house.start()
    yield house
    house.agent.kill()


@pytest.mark.parametrize("way", ["SIGTERM", "POST /drain"])
async def test_a_draining_agent_refuses_new_calls_and_lets_running_ones_finish(
    house: House, way: str
) -> None:
    contact = new_contact()
    async with house.voice_agent() as bot, house.caller("on_cue", contact) as caller:
        await caller.saw("200 INVITE")
        if way == "SIGTERM":
            house.agent.send(signal.SIGTERM)
        else:
            assert house.operations("POST", "/drain").status in (200, 202)
        await eventually(lambda: "draining" in house.unready(), what="/readyz says so")
        async with house.caller("options") as probe:
            await probe.succeeds()
        assert probe.messages()[-1].status == 503
        async with house.caller("refused") as late:
            await late.succeeds()
        assert int(late.received("503 INVITE")[0].header("Retry-After")) > 0
        assert total(house.metrics(), "handoff_node_state", state="draining") == 1
        assert total(house.metrics(), "handoff_invites_total", result="draining") == 1
        assert house.operations("GET", "/healthz").status == 200, "alive until the end"
        assert not caller.received("BYE"), "the running call goes on"
        caller.cue()
        await caller.succeeds()
        await bot.succeeds()
    if way == "POST /drain":
        assert house.agent.running
        house.agent.send(signal.SIGTERM)
    await asyncio.to_thread(house.agent.ends)
    await house.ended(caller, "caller", "caller_hung_up")


async def test_an_idle_agent_ends_at_once(house: House) -> None:
    await asyncio.to_thread(house.agent.stop)
    said = [json.loads(line)["event"] for line in house.agent.log.read_text().splitlines()]
    ending = [event.partition(":")[0] for event in said[said.index("ready") + 1 :]]
    assert ending[0] == "draining"
    assert "ending now" not in ending, "asked once, it waited for nothing"


async def test_a_second_sigterm_ends_calls_and_tells_the_script(house: House) -> None:
    contact = new_contact()
    async with house.voice_agent() as bot, house.caller("on_cue", contact) as caller:
        await caller.saw("200 INVITE")
        await house.signalled(contact, {"p1": "Connected"})
        house.agent.send(signal.SIGTERM)
        await eventually(lambda: "draining" in house.unready(), what="/readyz says so")
        house.agent.send(signal.SIGTERM)
        await caller.saw("BYE")
        await bot.saw("BYE")
        await asyncio.to_thread(house.agent.ends)
    await house.signalled(contact, {"p1": "Connected"}, {"p1": "Escalate", "p3": "shutdown"})


async def test_the_next_start_tells_the_script_of_calls_that_died_with_the_process(house: House) -> None:
    contact = new_contact()
    async with house.voice_agent(), house.caller("on_cue", contact) as caller:
        await caller.saw("200 INVITE")
        await house.signalled(contact, {"p1": "Connected"})
        house.agent.kill()
        house.start()
        await house.signalled(contact, {"p1": "Connected"}, {"p1": "Escalate", "p3": "process_died"})
    await house.ended(caller, "failed", "process_died")
    await asyncio.to_thread(house.agent.stop)
