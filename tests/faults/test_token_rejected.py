# SPDX-License-Identifier: GPL-3.0-or-later
"""500 handoffs at one instant on one credential whose token is rejected: no storm of log-ins."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.plan import Plan
from tests.calls.harness.waiting import eventually
from tests.faults.harness.audit import Books, Row
from tests.faults.harness.crowd import CrowdCall
from tests.faults.harness.site import site, with_ttl

pytestmark = [pytest.mark.calls, pytest.mark.slow]

HANDOFFS = 500


def patient(plan: Plan) -> None:
    """NICE has half a minute to answer: all handoffs come to it at once, and one process plays it."""
    plan.projects["acme-care"]["cxone"]["timeout"] = "30s"


def in_vain(plan: Plan) -> None:
    """And each answer is there long before the signals are of no use any more."""
    patient(plan)
    with_ttl("30s")(plan)


def refused(calls: list[CrowdCall], books: Books) -> list[tuple[int, list[str], list[Row]]]:
    """Of each call whose handoff was not taken: the answer, what its ends saw, and its record."""
    return [
        (call.promised, call.seen, [row for row in books.calls if row["call_id"] == call.agent_call_id])
        for call in calls
        if call.promised != 202
    ]


async def test_a_token_that_is_revoked_costs_at_most_two_requests_and_no_handoff(
    cxone: Cxone, tmp_path: Path
) -> None:
    async with site(cxone, tmp_path, patient, calls=HANDOFFS + 20) as at:
        await at.start()
        calls = await at.up(HANDOFFS)
        asked = at.token_requests()
        cxone.revoke_tokens()
        for call in calls:
            at.crowd.hand_off(call)
        await eventually(lambda: all(call.saw("BYE at the voice agent") for call in calls), 90)
        books = await at.settled()
        assert not refused(calls, books)
        assert at.token_requests() - asked <= 2
        assert [s["state"] for s in books.signals if s["moment"] == "handoff"] == ["accepted"] * HANDOFFS
        assert not at.mistakes()
        await at.stop()


async def test_tokens_that_are_rejected_for_ever_are_asked_for_at_most_twice(
    cxone: Cxone, tmp_path: Path
) -> None:
    async with site(cxone, tmp_path, in_vain, calls=HANDOFFS + 20) as at:
        await at.start()
        calls = await at.up(HANDOFFS)
        asked = at.token_requests()
        cxone.turn(early_reject_after=0)
        for call in calls:
            at.crowd.hand_off(call)
        await eventually(lambda: all(call.saw("BYE at the voice agent") for call in calls), 90)
        books = await at.settled()
        assert not refused(calls, books), "a handoff is taken though NICE refuses us"
        assert at.token_requests() - asked <= 2
        states = [signal["state"] for signal in books.signals if signal["moment"] == "handoff"]
        assert states == ["expired"] * HANDOFFS
        assert not at.mistakes()
        await at.stop()
