# SPDX-License-Identifier: GPL-3.0-or-later
"""Transcripts through real sockets to the simulated TMS; whatever it does, signals are not touched."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from agent.core.model.project import Project
from agent.core.outcomes import Answer, Outcome
from agent.core.retries import AT_MOST_ONCE
from agent.cxone.client import Cxone
from agent.cxone.tms import Tms
from agent.names.names import Names
from agent.simulators.cxone import CxoneSimulator
from agent.telemetry.logs import configure, kept, of_call
from agent.web.client import Client
from agent.web.session import new_session_apart
from tests.clock import Clock

SECRET = "what the caller said"
BODY = json.dumps(
    {
        "vendorId": "v",
        "busId": "4591234",
        "virtualAgentId": "bot",
        "contactId": "4710",
        "selfServiceSessionDetails": {
            "transcripts": [{"participantId": "Patron", "messageBody": f"{SECRET} Zoë"}]
        },
    },
    ensure_ascii=False,
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def tms(cxone: Cxone, clock: Clock) -> AsyncIterator[Tms]:
    async with Names() as names, new_session_apart(names) as apart:
        yield Tms(cxone, apart, clock)


@pytest.fixture
def project(simulator: CxoneSimulator, project_for: Callable[..., Project]) -> Project:
    return project_for(simulator.url, transcripts={"vendor_id": "v", "virtual_agent_id": "bot"})


class Sent:
    """Counts how often a request was about to leave."""

    def __init__(self) -> None:
        self.times = 0

    async def __call__(self) -> None:
        """One more."""
        self.times += 1


async def post(tms: Tms, project: Project, limit: float = 60.0) -> tuple[Answer, int]:
    """Post; gives the answer and how often a request was about to leave."""
    sent = Sent()
    answer = await tms.post(project, BODY, before_send=sent, timeout=limit)
    return answer, sent.times


def repeated(answer: Answer) -> bool:
    return AT_MOST_ONCE.leaves_to_repeat(answer)


async def test_the_line_of_an_answer_says_of_which_call_it_is(tms: Tms, project: Project) -> None:
    with kept():
        configure("debug")
        with capture_logs() as said, of_call("call-7", "acme-care"):
            await post(tms, project)
    (line,) = (line for line in said if line["event"] == "tms answered")
    assert (line["call_id"], line["project"]) == ("call-7", "acme-care")


async def test_it_is_posted_with_the_token_of_signals(
    tms: Tms, cxone: Cxone, simulator: CxoneSimulator, project: Project
) -> None:
    assert await post(tms, project) == (Answer(Outcome.ACCEPTED, 200, ""), 1)
    (entry,) = simulator.transcripts("4710")
    assert entry["body"] == json.loads(BODY)
    assert entry["accepted"]
    assert entry["correlation_id"]
    assert (await cxone.signal(project, "4711", {"p1": "x"})).accepted
    assert simulator.world.mint.requests == 1


@pytest.mark.parametrize(
    ("fault", "outcome", "again"),
    [
        ({"status": 400}, Outcome.BAD_REQUEST, False),
        ({"status": 403}, Outcome.FORBIDDEN, False),
        ({"status": 404}, Outcome.UNKNOWN_CONTACT, False),
        ({"status": 409}, Outcome.BAD_REQUEST, False),
        ({"status": 429}, Outcome.THROTTLED, True),
        ({"status": 500}, Outcome.SERVER_FAULT, False),
        ({"status": 502}, Outcome.SERVER_FAULT, False),
        ({"status": 503}, Outcome.UNAVAILABLE, True),
        ({"status": 504}, Outcome.SERVER_FAULT, False),
        ({"status": 302}, Outcome.SERVER_FAULT, False),
        ({"mode": "html_200"}, Outcome.SERVER_FAULT, False),
        ({"mode": "reset_before"}, Outcome.UNCERTAIN, False),
        ({"mode": "reset_after"}, Outcome.UNCERTAIN, False),
        ({"mode": "timeout_after_accept", "seconds": 5}, Outcome.UNCERTAIN, False),
    ],
)
async def test_each_thing_that_goes_wrong_has_its_meaning(
    tms: Tms,
    simulator: CxoneSimulator,
    project: Project,
    fault: dict[str, Any],
    outcome: Outcome,
    *,
    again: bool,
) -> None:
    await post(tms, project)
    simulator.fails("tms", **fault)
    answer, _ = await post(tms, project, 0.2)
    assert (answer.outcome, repeated(answer)) == (outcome, again)


async def test_retry_after_is_told(tms: Tms, simulator: CxoneSimulator, project: Project) -> None:
    simulator.fails("tms", status=503, retry_after=7)
    answer, _ = await post(tms, project)
    assert answer.retry_after == 7


@pytest.mark.parametrize("as_400", [False, True])
async def test_a_token_that_expired_is_fetched_anew_once_whatever_the_status_says(
    tms: Tms, simulator: CxoneSimulator, project: Project, *, as_400: bool
) -> None:
    simulator.world.turn({"tms_expired_as_400": as_400})
    await post(tms, project)
    simulator.world.mint.revoke_all()
    answer, sent = await post(tms, project)
    assert (answer.accepted, sent) == (True, 2)
    assert simulator.world.mint.requests == 2
    assert await post(tms, project) == (answer, 1)  # it is kept for the next one, and for signals
    assert simulator.world.mint.requests == 2


@pytest.mark.parametrize("text", ["The token has expired", "invalid_token"])
async def test_a_tms_that_refuses_every_token_causes_no_storm_of_token_requests_and_no_harm_to_signals(
    tms: Tms, cxone: Cxone, simulator: CxoneSimulator, project: Project, clock: Clock, *, text: str
) -> None:
    await cxone.ready(project)
    simulator.fails("tms", status=400, body=text)
    for _ in range(10):
        answer, _ = await post(tms, project)
        assert answer.outcome is Outcome.UNAUTHORIZED
        assert repeated(answer)
        assert cxone.can_send_now(project)
        assert (await cxone.signal(project, "4711", {"p1": "x"})).accepted
    assert simulator.world.mint.requests == 2
    assert cxone.alarm(project) is None
    clock.now += 60
    await post(tms, project)
    assert simulator.world.mint.requests == 3


async def test_signals_go_on_with_the_old_token_while_a_new_one_is_fetched_for_tms(
    tms: Tms, cxone: Cxone, simulator: CxoneSimulator, project: Project
) -> None:
    await cxone.ready(project)
    simulator.fails("tms", status=401)
    simulator.world.turn({"access_key_active": False})  # no new token is to be had
    answer, sent = await post(tms, project)
    assert (answer.outcome, sent) == (Outcome.UNAUTHORIZED, 1)
    assert cxone.can_send_now(project)
    assert (await cxone.signal(project, "4711", {"p1": "x"})).accepted


@pytest.mark.parametrize("fault", [{"status": 500}, {"mode": "reset_before"}, {"status": 503}])
async def test_a_tms_that_fails_opens_its_own_breaker_and_not_that_of_signals(
    tms: Tms,
    cxone: Cxone,
    simulator: CxoneSimulator,
    project: Project,
    clock: Clock,
    *,
    fault: dict[str, Any],
) -> None:
    simulator.fails("tms", **fault)
    for _ in range(20):
        await post(tms, project)
        clock.now += 0.0625
    answer, sent = await post(tms, project)
    assert (answer.outcome, sent, repeated(answer)) == (Outcome.BREAKER_OPEN, 0, True)
    assert answer.retry_after == pytest.approx(0.94, abs=0.02)
    assert len(simulator.transcripts()) == 20
    assert cxone.can_send_now(project)
    assert (await cxone.signal(project, "4711", {"p1": "x"})).accepted
    simulator.heals()
    clock.now += 1
    answer, _ = await post(tms, project)
    assert answer.accepted


async def test_without_a_token_nothing_leaves(tms: Tms, simulator: CxoneSimulator, project: Project) -> None:
    simulator.fails("token", status=503)
    answer, sent = await post(tms, project)
    assert (answer.outcome, sent, repeated(answer)) == (Outcome.NOT_SENT, 0, True)
    assert simulator.transcripts() == []


async def test_a_project_that_posts_none_refuses(
    tms: Tms, simulator: CxoneSimulator, project_for: Callable[..., Project]
) -> None:
    answer, sent = await post(tms, project_for(simulator.url))
    assert (answer.outcome, sent) == (Outcome.FORBIDDEN, 0)
    assert "cxone.transcripts" in answer.detail


async def test_what_was_said_does_not_come_back_in_a_detail(
    tms: Tms, simulator: CxoneSimulator, project: Project
) -> None:
    simulator.fails("tms", status=400, description=f"unusable: {SECRET} Zoë", body=SECRET)
    answer, _ = await post(tms, project)
    assert answer.detail == "unusable: …"


async def test_the_session_is_one_apart(cxone: Cxone, session: Client) -> None:
    async with Names() as names, new_session_apart(names) as apart:
        assert Tms(cxone, apart)._session is not session
