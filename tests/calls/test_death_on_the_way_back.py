# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent dies (kill -9) while a caller goes back: nobody is told twice, and the record is closed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.calls.harness.asking import CONNECTED, post, told
from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import House
from tests.calls.harness.plan import BRIDGE, CARE, REFER, Plan
from tests.calls.harness.talk import queue, talking
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls


@pytest.mark.parametrize(
    ("number", "caller", "state"),
    [
        (CARE, "on_cue", "returning"),
        (REFER, "is_referred", "referring"),
        (BRIDGE, "on_cue", "transferred"),
    ],
    ids=["returning", "referring", "transferred"],
)
async def test_a_handoff_that_was_told_is_not_told_again_after_the_agents_death(
    cxone: Cxone, tmp_path: Path, number: str, caller: str, state: str
) -> None:
    plan = Plan(cxone.port)
    for project in plan.projects.values():
        project["handoff"]["wait_for_bye"] = "60s"
    house = House(plan, cxone, tmp_path)
    house.start()
    try:
        async with queue(house), talking(house, bot="answers", caller=caller, number=number) as talk:
            reply = await asyncio.to_thread(post, house, talk.row()["project"], talk.contact)
            assert reply.status == 202, reply.text
            await eventually(lambda: [row["state"] for row in house.live()] == [state], what=state)
            await house.signalled(talk.contact, CONNECTED, told(talk.contact))
            house.agent.kill()
        await asyncio.to_thread(house.start)
        await house.ended(talk.caller, "handoff", "process_died")
        await house.signalled(talk.contact, CONNECTED, told(talk.contact))
    finally:
        house.close()
