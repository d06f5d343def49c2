# SPDX-License-Identifier: GPL-3.0-or-later
"""X- headers of our 200 OK: the only thing besides signals that a CXone script can read of us."""

from __future__ import annotations

import pytest

from tests.calls.harness.house import House
from tests.calls.harness.plan import CARE, Change, Plan
from tests.calls.harness.talk import talking

pytestmark = pytest.mark.calls

PLAIN = "9995550350"


@pytest.fixture(scope="module")
def change() -> Change:
    """Headers for one project and none for another."""

    def add(plan: Plan) -> None:
        plan.add("acme-plain", PLAIN)
        plan.projects["acme-care"]["answer_headers"] = {
            "X-Handoff-Call-Id": "{call_id}",
            "X-Handoff-For": "{project} {contact_id} on {node}",
        }

    return add


async def test_the_answer_carries_what_the_project_wants_and_no_more(house: House) -> None:
    for number in (CARE, PLAIN):
        async with talking(house, number=number) as talk:
            answer = talk.caller.received("200 INVITE")[0]
            if number == CARE:
                assert answer.header("X-Handoff-Call-Id") == talk.call_id
                assert answer.header("X-Handoff-For") == f"acme-care {talk.contact} on edge-test"
            else:
                assert not [name for name, _ in answer.headers if name.startswith("x-")]
            provisional = talk.caller.received("180 INVITE")
            assert not [name for message in provisional for name, _ in message.headers if name[:2] == "x-"]
            talk.caller.cue()
            await talk.caller.succeeds()
