# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node takes on: so many calls, each on ports of its own."""

from __future__ import annotations

import pytest

from tests.calls.harness.house import House
from tests.calls.harness.plan import Change, Plan
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls


@pytest.fixture(scope="module")
def change() -> Change:
    """Room for one call."""

    def narrow(plan: Plan) -> None:
        plan.agent["limits"]["calls"] = 1

    return narrow


async def test_a_full_node_says_so_to_all_who_ask_and_takes_calls_again(house: House) -> None:
    since = house.watch()
    async with house.voice_agent(calls=2) as bot, house.caller("on_cue") as first:
        await first.saw("200 INVITE")
        async with house.caller("refused") as second:
            await second.succeeds()
        assert int(second.received("503 INVITE")[0].header("Retry-After")) > 0
        async with house.caller("options") as probe:
            await probe.succeeds()
        assert probe.messages()[-1].status == 503
        assert house.operations("GET", "/readyz").status == 503
        first.cue()
        await first.succeeds()
        await house.at_rest()
        await eventually(lambda: house.operations("GET", "/readyz").status == 200, what="ready again")
        async with house.caller("basic_call", talk=50) as third:
            await third.succeeds()
        await bot.succeeds()
    assert since.moved("handoff_invites_total", result="over_limit") == 1
    assert since.moved("handoff_invites_total", result="answered") == 2


async def test_a_call_takes_other_ports_than_the_one_before(house: House) -> None:
    """What still arrives for a call that is over finds nobody."""
    ports = []
    for _ in range(3):
        async with house.voice_agent() as bot, house.caller("basic_call", talk=50) as caller:
            await caller.succeeds()
            await bot.succeeds()
        ports += [caller.received("200 INVITE")[0].audio_port, bot.received("INVITE")[0].audio_port]
        await house.at_rest()
    assert len(set(ports)) == len(ports)
