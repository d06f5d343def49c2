# SPDX-License-Identifier: GPL-3.0-or-later
"""A call that is longer than the node lets one be: the script is told, both ends are let go."""

from __future__ import annotations

import pytest

from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import Change, Plan

pytestmark = pytest.mark.calls


@pytest.fixture(scope="module")
def change() -> Change:
    """A call may be three seconds long."""

    def shorten(plan: Plan) -> None:
        plan.agent["limits"]["duration"] = "3s"

    return shorten


async def test_the_longest_call_ends_as_failed(house: House) -> None:
    contact = new_contact()
    async with house.voice_agent("on_cue") as bot, house.caller("on_cue", contact) as caller:
        await caller.saw("BYE")
        await bot.saw("BYE")
        await caller.succeeds()
        await bot.succeeds()
    row = await house.ended(caller, "failed", "too_long")
    assert row["answered"] is not None
    await house.signalled(contact, {"p1": "Connected"}, {"p1": "Escalate", "p3": "too_long"})
