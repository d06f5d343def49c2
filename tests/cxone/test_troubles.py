# SPDX-License-Identifier: GPL-3.0-or-later
"""A tenant whose signals fail is seen, and one where a signal fails now and then is not."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from agent.core.model.project import Project
from agent.core.outcomes import Answer, Outcome
from agent.cxone.client import Cxone
from agent.cxone.token_request import Credential
from agent.cxone.troubles import Troubles
from agent.simulators.cxone import CxoneSimulator

BUSY = Answer(Outcome.UNAVAILABLE, 503, "busy")
TAKEN = Answer(Outcome.ACCEPTED, 202, "")
IN_VAIN = [outcome for outcome in Outcome if outcome not in ("accepted", "unknown_contact", "breaker_open")]


@pytest.fixture
def who(project: Project) -> Credential:
    assert project.cxone is not None
    return Credential.of(project.cxone)


@pytest.mark.parametrize("outcome", IN_VAIN)
@pytest.mark.parametrize(("tries", "each"), [(10, 0.0), (3, 15.0)])
def test_tries_in_vain_one_after_the_other_are_an_alarm(
    who: Credential, outcome: Outcome, tries: int, each: float
) -> None:
    troubles = Troubles()
    for number in range(tries):
        now = 1000.0 + number * each
        assert troubles.alarm(who, now) is None
        changed = troubles.learn(who, Answer(outcome, None, "so it was"), now)
    assert changed
    alarm = troubles.alarm(who, now)
    assert alarm is not None
    assert (alarm.error, alarm.since, alarm.refused) == ("signals_failing", 1000.0, False)
    assert f"{tries} tries were in vain: {outcome.meaning.told} (so it was)" in alarm.text


def test_one_that_is_taken_ends_it_and_nothing_said_for_long_as_well(who: Credential) -> None:
    troubles = Troubles()
    for _ in range(10):
        troubles.learn(who, BUSY, 1000.0)
    assert troubles.alarm(who, 1600.0) is not None
    assert troubles.alarm(who, 1601.0) is None
    assert troubles.learn(who, BUSY, 1601.0) is False  # a new row begins
    assert troubles.alarm(who, 1601.0) is None

    for _ in range(10):
        troubles.learn(who, BUSY, 1700.0)
    assert troubles.learn(who, TAKEN, 1701.0) is True
    assert troubles.alarm(who, 1701.0) is None


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN_CONTACT, Outcome.BREAKER_OPEN])
def test_contacts_that_have_gone_and_what_was_not_tried_say_nothing(
    who: Credential, outcome: Outcome
) -> None:
    troubles = Troubles()
    for number in range(20):
        troubles.learn(who, Answer(outcome, None, ""), 1000.0 + number)
    assert troubles.alarm(who, 1020.0) is None
    for _ in range(10):
        troubles.learn(who, BUSY, 1020.0)
        troubles.learn(who, Answer(outcome, None, ""), 1020.0)
    assert troubles.alarm(who, 1020.0) is not None


def test_half_of_the_tries_in_vain_is_no_alarm(who: Credential) -> None:
    troubles = Troubles()
    for number in range(1000):
        troubles.learn(who, (BUSY, TAKEN)[number % 2], 1000.0 + number)
        assert troubles.alarm(who, 1000.0 + number) is None


async def test_a_tenant_that_gets_no_token_is_seen_at_once_and_as_long_as_it_lasts(
    cxone: Cxone, simulator: CxoneSimulator, project: Project
) -> None:
    simulator.fails("token", status=429, retry_after=99_999_999, times=1)
    await cxone.signal(project, "1", {"p1": "x"})
    alarm = cxone.alarm(project)
    assert alarm is not None
    assert (alarm.error, alarm.refused) == ("login_failing", False)
    assert "429" in alarm.text


async def test_it_is_logged_when_it_begins_and_when_it_ends(
    cxone: Cxone, simulator: CxoneSimulator, project: Project
) -> None:
    with capture_logs() as logs:
        simulator.fails("signal", status=403, description="no permission", times=12)
        for _ in range(14):
            await cxone.signal(project, "1", {"p1": "what was said"})
    told = [line for line in logs if line["event"] in ("signals fail", "signals are accepted again")]
    assert [line["event"] for line in told] == ["signals fail", "signals are accepted again"]
    assert all(line["project"] == "acme-care" for line in told)
    assert "no permission" in told[0]["why"]
    assert "what was said" not in str(told)
