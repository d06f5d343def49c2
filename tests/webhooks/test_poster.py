# SPDX-License-Identifier: GPL-3.0-or-later
"""Posts to a real listener: what each answer, and each way of having none, means."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.utils import formatdate

import pytest

from agent.core.model.project import Project
from agent.core.outcomes import Answer, Outcome
from agent.core.retries import AT_LEAST_ONCE
from agent.names.names import Names
from agent.web.client import Client
from agent.web.session import new_session_apart
from agent.webhooks.poster import Webhooks
from tests.calls.harness.ports import free_port
from tests.delivery.receiver import SECRET, Receiver

NOW = 1_800_000_000.5
BODY = '{"event": "handoff", "id": "h-1", "reason": "what the caller said"}'


def project(url: str, timeout: str = "5s") -> Project:
    return Project.model_validate(
        {
            "project": "acme-care",
            "account": "acme",
            "voice_agent": {"targets": [{"uri": "sip:bot@127.0.0.1:5070"}]},
            "webhook": {"url": url, "secret": SECRET, "timeout": timeout},
        }
    )


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[Client]:
    async with Names() as names, new_session_apart(names) as opened:
        yield opened


async def post(
    session: Client,
    url: str,
    timeout: str = "5s",  # noqa: ASYNC109 - the project's
    *,
    left: float = 60.0,
) -> Answer:
    webhooks, ready = Webhooks(session, lambda: NOW), asyncio.Event()

    async def before_send() -> None:
        ready.set()

    answer = await webhooks.post(project(url, timeout), BODY, before_send=before_send, timeout=left)
    assert ready.is_set()
    return answer


def repeated(answer: Answer) -> bool:
    return AT_LEAST_ONCE.leaves_to_repeat(answer)


async def test_it_is_posted_signed_with_the_id_and_the_time_of_the_attempt(
    session: Client, receiver: Receiver
) -> None:
    assert await post(session, receiver.url) == Answer(Outcome.ACCEPTED, 200, "")
    ((headers, body),) = receiver.posts
    assert body == BODY.encode()
    assert headers["X-Handoff-Id"] == "h-1"
    assert headers["X-Handoff-Timestamp"] == "1800000000"


@pytest.mark.parametrize(
    ("status", "outcome", "again"),
    [
        (200, Outcome.ACCEPTED, False),
        (204, Outcome.ACCEPTED, False),
        (400, Outcome.BAD_REQUEST, False),
        (401, Outcome.BAD_REQUEST, False),
        (403, Outcome.BAD_REQUEST, False),
        (404, Outcome.BAD_REQUEST, False),
        (408, Outcome.UNAVAILABLE, True),
        (409, Outcome.BAD_REQUEST, False),
        (410, Outcome.BAD_REQUEST, False),
        (425, Outcome.UNAVAILABLE, True),
        (429, Outcome.THROTTLED, True),
        (500, Outcome.SERVER_FAULT, True),
        (501, Outcome.SERVER_FAULT, True),
        (502, Outcome.SERVER_FAULT, True),
        (503, Outcome.UNAVAILABLE, True),
        (504, Outcome.SERVER_FAULT, True),
        (599, Outcome.SERVER_FAULT, True),
    ],
)
async def test_each_status_has_its_meaning(
    session: Client, receiver: Receiver, status: int, outcome: Outcome, *, again: bool
) -> None:
    receiver.script = [status]
    answer = await post(session, receiver.url)
    assert (answer.outcome, answer.status) == (outcome, status)
    assert (repeated(answer), answer.accepted) == (again, status < 300)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
@pytest.mark.parametrize("asked", ["7", formatdate(NOW + 7, usegmt=True)])
async def test_retry_after_is_honoured(session: Client, receiver: Receiver, status: int, asked: str) -> None:
    receiver.script = [(status, {"Retry-After": asked})]
    answer = await post(session, receiver.url)
    assert answer.retry_after is not None
    assert 6 <= answer.retry_after <= 7


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_final(session: Client, receiver: Receiver, status: int) -> None:
    receiver.script = [(status, {"Location": receiver.url})]
    answer = await post(session, receiver.url)
    assert (answer.outcome, answer.status, repeated(answer)) == (Outcome.BAD_REQUEST, status, False)
    assert "not followed" in answer.detail
    assert len(receiver.posts) == 1


@pytest.mark.parametrize("how", ["reset", "cut", "garbage"])
async def test_a_connection_that_breaks_is_tried_again(session: Client, receiver: Receiver, how: str) -> None:
    receiver.script = [how]
    answer = await post(session, receiver.url)
    assert (answer.outcome, answer.status, repeated(answer)) == (Outcome.UNCERTAIN, None, True)
    assert (await post(session, receiver.url)).accepted


async def test_a_connection_that_was_kept_and_is_dead_by_now_is_tried_again(
    session: Client, receiver: Receiver
) -> None:
    assert (await post(session, receiver.url)).accepted
    url = receiver.url
    await receiver.__aexit__()
    answer = await post(session, url)
    assert repeated(answer)


async def test_one_that_hangs_is_given_up_in_time_and_tried_again(
    session: Client, receiver: Receiver
) -> None:
    receiver.script = ["hang", "hang"]
    answer = await post(session, receiver.url, "100ms")
    assert (answer.outcome, answer.detail, repeated(answer)) == (Outcome.UNCERTAIN, "no answer in time", True)
    answer = await post(session, receiver.url, left=0.1)
    assert (answer.outcome, answer.detail) == (Outcome.UNCERTAIN, "no answer in time")


async def test_a_body_that_never_ends_is_not_waited_for(session: Client, receiver: Receiver) -> None:
    receiver.script = ["endless"]
    assert (await post(session, receiver.url, "60s")).accepted


async def test_nobody_there_is_tried_again(session: Client) -> None:
    answer = await post(session, f"http://127.0.0.1:{free_port()}/handoffs")
    assert (answer.outcome, answer.status, repeated(answer)) == (Outcome.NOT_SENT, None, True)


async def test_a_host_that_has_no_address_is_tried_again(session: Client) -> None:
    answer = await post(session, "https://no-such-host.invalid/handoffs", "30s")
    assert (answer.outcome, repeated(answer)) == (Outcome.NOT_SENT, True)
    assert "no-such-host" not in answer.detail


async def test_no_tls_where_it_should_be_is_tried_again(session: Client, receiver: Receiver) -> None:
    answer = await post(session, receiver.url.replace("http://", "https://"))
    assert (answer.outcome, repeated(answer)) == (Outcome.NOT_SENT, True)
    assert receiver.posts == []


async def test_a_project_without_a_webhook_posts_nothing(session: Client, receiver: Receiver) -> None:
    without = Project.model_validate(project(receiver.url).model_dump() | {"webhook": None})

    async def before_send() -> None:
        raise AssertionError

    answer = await Webhooks(session).post(without, BODY, before_send=before_send, timeout=1.0)
    assert (answer.outcome, repeated(answer)) == (Outcome.FORBIDDEN, False)


async def test_neither_url_nor_body_nor_secret_gets_into_a_detail(
    session: Client, receiver: Receiver
) -> None:
    secret_path = receiver.url + "?key=hush"
    for answer in (404, 500, 302, "reset", "garbage"):
        receiver.script = [answer]
        detail = (await post(session, secret_path)).detail
        assert not any(text in detail for text in ("hush", "caller said", SECRET, "127.0.0.1"))
