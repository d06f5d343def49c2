# SPDX-License-Identifier: GPL-3.0-or-later
"""The caller's INVITE has one final answer, and is counted once."""

from __future__ import annotations

import pytest

from agent.calls.invite import InviteTransaction
from agent.core.reasons import Reason
from agent.telemetry.metrics import Metrics
from tests.shell.harness.clock import Clock
from tests.shell.harness.sip import FakeLeg, Verbs


class Invite:
    """An INVITE that arrived two seconds ago."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = Clock(monkeypatch)
        self.verbs, self.metrics = Verbs(), Metrics()
        self.leg = FakeLeg(self.verbs, lambda _: None, "caller", "sip-1")
        self.transaction = InviteTransaction(self.leg, "care", self.metrics, clock.now())
        clock.push(2.0)

    @property
    def counted(self) -> dict[str, int]:
        """How INVITEs were answered, by result."""
        return {result: count for (_, result), count in self.metrics.readings.invites.items()}

    @property
    def set_up(self) -> str:
        """The lines of the histogram of answered calls that say how long that took."""
        lines = self.metrics.render()[0].decode().splitlines()
        return "".join(line for line in lines if line.startswith("handoff_setup_seconds_sum"))


@pytest.fixture
async def invite(monkeypatch: pytest.MonkeyPatch) -> Invite:
    return Invite(monkeypatch)


async def test_an_answer_is_sent_with_its_headers_counted_and_timed(invite: Invite) -> None:
    invite.transaction.ring(180, media=False)
    invite.transaction.ring(183, media=True)
    assert invite.transaction.answer([("X-Call-Id", "c-1")])
    assert invite.leg.got == ["180", "183 with media", "200, X-Call-Id: c-1"]
    assert invite.counted == {"answered": 1}
    assert invite.set_up.startswith('handoff_setup_seconds_sum{project="care"} 2.')


async def test_an_answer_that_a_cancel_overtook_is_not_counted_as_one(invite: Invite) -> None:
    invite.verbs.plan["caller.answer", 1] = None
    assert not invite.transaction.answer([])
    assert (invite.counted, invite.set_up) == ({}, "")
    invite.transaction.settle(Reason.CANCELLED)
    assert invite.counted == {"cancelled": 1}


async def test_a_refusal_is_sent_and_counted(invite: Invite) -> None:
    invite.transaction.refuse(Reason.NO_AGENT)
    assert invite.leg.got == ["480 No voice agent answered"]
    assert invite.counted == {"no_agent": 1}


async def test_one_that_could_not_be_recorded_may_come_again(invite: Invite) -> None:
    invite.transaction.refuse(Reason.NOT_READY)
    assert invite.leg.got == ["503 Not ready, Retry-After: 10"]


async def test_only_the_first_outcome_is_counted(invite: Invite) -> None:
    invite.transaction.answer([])
    invite.transaction.settle(Reason.CANCELLED)
    invite.transaction.refuse(Reason.INTERNAL)
    assert invite.counted == {"answered": 1}
