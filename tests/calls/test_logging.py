# SPDX-License-Identifier: GPL-3.0-or-later
"""The running agent's log: in a file that is rotated under it, and at another level for a while."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.calls.harness.house import House
from tests.calls.harness.plan import BRIDGE, CARE, Change, Plan
from tests.calls.harness.waiting import eventually
from tests.calls.test_operators import operate

pytestmark = pytest.mark.calls


@pytest.fixture(scope="module")
def change() -> Change:
    """The log goes to a file."""

    def to_file(plan: Plan) -> None:
        plan.agent["log"] = {"level": "info", "file": "../own.log"}

    return to_file


def lines(file: Path) -> list[dict[str, Any]]:
    """What stands in a file of the log."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


async def a_call(house: House, number: str = CARE) -> str:
    """A call that is over: its id."""
    async with house.voice_agent("on_cue") as bot, house.caller("on_cue", number=number) as caller:
        await caller.saw("200 INVITE")
        bot.cue()
        await caller.succeeds()
    row = await house.ended(caller, "completed", "completed")
    await house.at_rest()
    call_id: str = row["call_id"]
    return call_id


async def test_a_file_that_is_moved_away_is_made_anew(house: House) -> None:
    file, moved = house.folder / "own.log", house.folder / "own.log.1"
    first = await a_call(house)
    await eventually(lambda: first in file.read_text(), what="the call in the log")
    file.rename(moved)
    second = await a_call(house)
    await eventually(lambda: any(line["event"] == "call over" for line in lines(file)), what="the new file")
    assert second not in moved.read_text()
    assert all(line["part"] for line in (*lines(moved), *lines(file)))
    assert "{" not in house.agent.log.read_text(), "nothing on standard error"


async def test_the_steps_of_one_project_s_calls_are_logged_for_a_while(house: House) -> None:
    code, said = await operate(house, "loglevel", "debug", "--project", "acme-care", "--for", "5m")
    assert (code, "project acme-care: debug until" in said) == (0, True), said
    assert house.operations("GET", "/readyz").json["log_levels"][0]["level"] == "debug"
    wanted, other = await a_call(house), await a_call(house, BRIDGE)
    code, said = await operate(house, "loglevel", "normal", "--project", "acme-care")
    assert (code, said) == (0, "configured: info\n")
    after = await a_call(house)
    file = house.folder / "own.log"
    await eventually(lambda: after in file.read_text(), what="the last call in the log")
    steps = [line for line in lines(file) if line["event"] == "a step of the call"]
    assert {line["call_id"] for line in steps} == {wanted}
    assert {line["on"] for line in steps} >= {"Recorded", "AgentAnswered", "LegEnded"}
    assert other in file.read_text()
    assert house.operations("GET", "/readyz").json["log_levels"] == []
