# SPDX-License-Identifier: GPL-3.0-or-later
"""Voice agents are probed with OPTIONS: calls avoid those that are down, and come back to them."""

from __future__ import annotations

import pytest

from tests.calls.harness.house import House, new_contact
from tests.calls.harness.metrics import Samples
from tests.calls.harness.plan import FAILOVER, VOICE_AGENT, Change, Plan
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls


@pytest.fixture(scope="module")
def change() -> Change:
    """Quick probes of the project that has two targets, with time to be answered on a busy machine."""

    def probe(plan: Plan) -> None:
        plan.projects["acme-failover"]["voice_agent"]["probe"] = {"every": "500ms", "fail": 2, "recover": 2}

    return probe


def up(house: House, port: int) -> float | None:
    """What the metric says of a target."""
    target = f"sip:bot@{VOICE_AGENT}:{port}"
    samples: Samples = house.metrics()
    wanted = ("handoff_target_up", frozenset({("project", "acme-failover"), ("target", target)}))
    return samples.get(wanted)


async def test_a_target_that_answers_no_probe_is_tried_last_and_first_again_once_it_answers(
    house: House,
) -> None:
    first, second = house.plan.first, house.plan.second
    async with house.voice_agent("answers_probes", port=second, calls=0) as bot:
        await eventually(lambda: up(house, first) == 0, what="the first target is down")
        await eventually(lambda: len(bot.received("OPTIONS")) > 3, what="probes of the second")
        assert up(house, second) == 1
        probe = bot.received("OPTIONS")[0]
        assert probe.start_line == f"OPTIONS sip:bot@{VOICE_AGENT}:{second} SIP/2.0"
        async with house.caller("basic_call", new_contact(), number=FAILOVER, talk=100) as caller:
            await caller.succeeds()
        await eventually(lambda: bot.received("BYE"), what="the end of the call")
    row = house.records.call(caller.call_id)
    assert row is not None
    told = house.operations("GET", f"/calls/{row['call_id']}/story").json["story"]
    dialled = [entry["text"] for entry in told if entry["text"].startswith("dial ")]
    assert dialled == [f"dial sip:bot@{VOICE_AGENT}:{second} (1 of 2)"], "the first one is not even tried"
    async with house.voice_agent("answers_probes", port=first, calls=0):
        await eventually(lambda: up(house, first) == 1, what="the first target is up again")
    await house.at_rest()
