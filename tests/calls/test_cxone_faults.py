# SPDX-License-Identifier: GPL-3.0-or-later
"""NICE down, slow, wrong or refusing: calls go on, and each signal ends in a defined state."""

from __future__ import annotations

from typing import Any

import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import Change, Plan
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls

CONNECTED = {"p1": "Connected"}
FAULTS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "down for ever": ({"signal": {"status": 503}}, {"expired", "refused"}),
    "answering with a page": ({"signal": {"mode": "html_200"}}, {"expired", "refused", "unknown"}),
    "failing inside": ({"signal": {"status": 500}}, {"expired", "refused", "unknown"}),
    "refusing every token": ({"signal": {"status": 401}}, {"expired", "refused"}),
    "forbidding": ({"signal": {"status": 403}}, {"refused"}),
    "without that contact": ({"signal": {"status": 404}}, {"refused"}),
    "resetting before it took the signal": ({"signal": {"mode": "reset_before"}}, {"unknown"}),
    "silent after it took the signal": ({"signal": {"mode": "timeout_after_accept"}}, {"unknown"}),
}


PLACES = (
    *FAULTS,
    "test_a_short_outage_is_ridden_out",
    "test_a_revoked_token_is_renewed_once",
    "test_a_caller_who_hangs_up_takes_a_waiting_signal_back",
)


def number_of(place: str) -> str:
    """The number of the project whose tenant is the place of one test, with a circuit breaker of its own."""
    return f"99955502{PLACES.index(place):02d}"


@pytest.fixture(scope="module")
def change(cxone: Cxone) -> Change:
    """A tenant for each test, and short times, so that a signal's end is seen."""

    def settle(plan: Plan) -> None:
        care = plan.projects["acme-care"]
        for index, place in enumerate(PLACES):
            tenant = cxone.tenant(index)
            known = {key: tenant[key] for key in ("business_unit", "client_id", "access_key_id")}
            name = f"acme-place-{index}"
            plan.projects[name] = {
                **care,
                "project": name,
                "signal_ttl": "4s",
                "cxone": {**care["cxone"], **known, "timeout": "2s"},
                "handoff": {**care["handoff"], "deadline": "1s"},
            }
            plan.numbers[number_of(place)] = name

    return settle


@pytest.fixture
def contact(cxone: Cxone, request: pytest.FixtureRequest) -> str:
    """A contact of this test's tenant."""
    contact_id = new_contact()
    cxone.place(contact_id, cxone.tenant(PLACES.index(_place(request)))["tenant_id"])
    return contact_id


@pytest.fixture
def number(request: pytest.FixtureRequest) -> str:
    """The number of this test's project."""
    return number_of(_place(request))


def _place(request: pytest.FixtureRequest) -> str:
    """What the test is called here: its fault, or its name."""
    item = request.node
    known = item.callspec.params if hasattr(item, "callspec") else {}
    return str(known.get("fault", item.originalname))


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_call_is_served_all_the_same_when_cxone_is(
    house: House, contact: str, number: str, fault: str
) -> None:
    faults, states = FAULTS[fault]
    house.cxone.fault(**faults)
    async with house.voice_agent("on_cue") as bot, house.caller("on_cue", contact, number=number) as caller:
        await caller.saw("200 INVITE")
        bot.cue()
        await bot.succeeds()
        await caller.succeeds()
    row = await house.ended(caller, "completed", "completed")
    await house.at_rest()
    signals = house.records.signals(row["call_id"])
    assert [signal["moment"] for signal in signals] == ["arrival", "completed"]
    assert {signal["state"] for signal in signals} <= states
    assert len(house.cxone.accepted(contact)) <= 2, "what may have been taken is not sent again"


async def test_a_short_outage_is_ridden_out(house: House, contact: str, number: str) -> None:
    house.cxone.fault(signal={"status": 503, "retry_after": 1, "times": 1, "contact_id": contact})
    async with house.voice_agent() as bot, house.caller("on_cue", contact, number=number) as caller:
        await caller.saw("200 INVITE")
        await house.signalled(contact, CONNECTED)
        caller.cue()
        await caller.succeeds()
        await bot.succeeds()
    assert [entry["status"] for entry in house.cxone.signals(contact)] == [503, 202]


async def test_a_revoked_token_is_renewed_once(house: House, contact: str, number: str) -> None:
    house.cxone.revoke_tokens()
    async with house.voice_agent() as bot, house.caller("on_cue", contact, number=number) as caller:
        await caller.saw("200 INVITE")
        await house.signalled(contact, CONNECTED)
        caller.cue()
        await caller.succeeds()
        await bot.succeeds()
    assert [entry["status"] for entry in house.cxone.signals(contact)][-1] == 202


async def test_a_caller_who_hangs_up_takes_a_waiting_signal_back(
    house: House, contact: str, number: str
) -> None:
    house.cxone.fault(signal={"status": 503, "retry_after": 2, "contact_id": contact})
    async with house.voice_agent() as bot, house.caller("on_cue", contact, number=number) as caller:
        await caller.saw("200 INVITE")
        await eventually(lambda: house.cxone.signals(contact), what="a first attempt")
        caller.cue()
        await caller.succeeds()
        await bot.succeeds()
    row = await house.ended(caller, "caller", "caller_hung_up")
    await house.at_rest()
    assert [signal["state"] for signal in house.records.signals(row["call_id"])] == ["cancelled"]
