# SPDX-License-Identifier: GPL-3.0-or-later
"""Each row of the table of outcomes, and of OAuth errors, as the simulated CXone gives it over HTTP."""

from __future__ import annotations

import pytest

from agent.core.model.project import Project
from agent.core.outcomes import OUTCOMES, Outcome, TokenVerdict
from agent.core.token_errors import TokenError
from agent.cxone.client import Cxone
from agent.simulators.cxone import CxoneSimulator
from agent.simulators.cxone.answers import ANSWERS
from agent.web.client import Client
from tests.clock import Clock

REQUESTS_UNTIL_THE_BREAKER_OPENS = 20  # in a little more than a second
NEVER_AN_ANSWER = {Outcome.NOT_SENT, Outcome.BREAKER_OPEN}


def test_the_simulator_has_an_answer_for_each_outcome() -> None:
    assert {OUTCOMES[answer.outcome] for answer in ANSWERS.values()} == set(Outcome) - NEVER_AN_ANSWER


@pytest.mark.parametrize("name", ANSWERS)
async def test_the_client_makes_of_an_answer_what_the_table_says(
    session: Client, simulator: CxoneSimulator, project: Project, name: str
) -> None:
    clock = Clock()
    cxone = Cxone(session, clock)
    outcome = OUTCOMES[ANSWERS[name].outcome]
    meaning = outcome.meaning
    simulator.fails("signal", answer=name)

    first = await cxone.signal(project, "1", {"p1": "x"})
    for _ in range(REQUESTS_UNTIL_THE_BREAKER_OPENS - 1):
        clock.now += 0.0625
        await cxone.signal(project, "1", {"p1": "x"})
    last = await cxone.signal(project, "1", {"p1": "x"})

    assert first.outcome is outcome
    assert first.status == (None if outcome is Outcome.UNCERTAIN else ANSWERS[name].status)
    assert (last.outcome is Outcome.BREAKER_OPEN) == (meaning.failed is True)
    alarm = cxone.alarm(project)
    in_vain = outcome not in (Outcome.ACCEPTED, Outcome.UNKNOWN_CONTACT)
    assert (alarm is not None and alarm.refused) == (meaning.token is TokenVerdict.REFUSED)
    assert (alarm is not None) == in_vain
    if in_vain and not (alarm and alarm.refused):
        assert alarm is not None
        assert alarm.error == "signals_failing"
        assert meaning.told in alarm.text
    if outcome is not Outcome.UNCERTAIN:
        assert bool(simulator.world.ledger.counts()["accepted"]) == first.accepted
    await cxone.aclose()


async def test_without_a_token_nothing_is_sent(
    cxone: Cxone, simulator: CxoneSimulator, project: Project
) -> None:
    simulator.fails("token", answer="unavailable")

    answer = await cxone.signal(project, "1", {"p1": "x"})

    assert answer.outcome is Outcome.NOT_SENT
    assert simulator.signals() == []


@pytest.mark.parametrize("code", TokenError)
async def test_each_oauth_error_raises_an_alarm_and_no_second_request(
    cxone: Cxone, simulator: CxoneSimulator, project: Project, code: TokenError
) -> None:
    simulator.fails("token", error=code.value)

    answers = [await cxone.signal(project, "1", {"p1": "x"}) for _ in range(2)]

    assert {answer.outcome for answer in answers} == {Outcome.NOT_SENT}
    alarm = cxone.alarm(project)
    assert alarm is not None
    assert alarm.error == code
    assert alarm.text.endswith(code.check)
    assert simulator.world.mint.requests == 1
