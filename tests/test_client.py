# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of voice agents: what it sends, and what it makes of every kind of answer."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import agent.client
from agent.client import Ask, Handoff, HandoffClient, HandoffError, Transcript
from agent.http import models

KEY = "acme-api-key"
TAKEN = {"id": "h-1", "state": "recorded", "caller": "voice_agent"}
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Edge:
    """An agent's API that answers as the test says, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], object]] = []
        self.keys: set[str] = set()
        self.url = ""
        self.answer: Answer = self.with_json(TAKEN, 202)

    @staticmethod
    def with_json(body: object, status: int = 200, **headers: str) -> Answer:
        """An answer in JSON; ``_`` in the name of a header is a ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def answer(_: web.Request) -> web.StreamResponse:
            return web.json_response(body, status=status, headers=named)

        return answer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Keep the question, give the answer."""
        body = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.raw_path.partition("?")[0], dict(request.query), body))
        self.keys.add(request.headers.get("x-api-key", ""))
        return await self.answer(request)

    def client(self, **options: object) -> HandoffClient:
        """A client of it."""
        return HandoffClient(self.url, "acme", "acme-care", KEY, **options)  # type: ignore[arg-type]


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    edge = Edge()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", edge.handle)
    async with TestServer(app) as server:
        edge.url = str(server.make_url("/"))
        yield edge


async def refused(edge: Edge, answer: Answer) -> HandoffError:
    """What a handoff raises when that is the answer."""
    edge.answer = answer
    async with edge.client() as client:
        with pytest.raises(HandoffError) as caught:
            await client.hand_off(call_id="c-1")
    return caught.value


# -- what it sends -------------------------------------------------------------------------------------------


async def test_a_handoff_says_what_was_said_and_no_more(edge: Edge) -> None:
    async with edge.client() as client:
        handoff = await client.hand_off(call_id="c-1", destination="billing", data={"due": 12.5})
    assert handoff == Handoff("h-1", "recorded", "voice_agent")
    body = {"call_id": "c-1", "destination": "billing", "data": {"due": 12.5}}
    assert edge.asked == [("POST", "/v1/acme/acme-care/handoffs", {}, body)]
    assert edge.keys == {KEY}


async def test_a_handoff_carries_every_field(edge: Edge) -> None:
    said = {"contact_id": "4711", "destination": "d", "skill": "s", "reason": "r", "shared_id": "x"}
    async with edge.client() as client:
        await client.hand_off(**said, parameters={"p5": "v"}, wait=2.5)  # type: ignore[arg-type]
    assert edge.asked[0][2:] == ({"wait": "2.5"}, {**said, "parameters": {"p5": "v"}})


async def test_what_stands_in_a_path_is_escaped(edge: Edge) -> None:
    edge.answer = edge.with_json({**TAKEN, "call_id": "c-1", "contact_id": "4711", "attempts": []})
    async with HandoffClient(edge.url, "a/b", "c d", KEY) as client:
        await client.status("../x?y")
    assert edge.asked[0][:2] == ("GET", "/v1/a%2Fb/c%20d/handoffs/..%2Fx%3Fy")


async def test_status_tells_each_attempt(edge: Edge) -> None:
    attempt = {"began": 1.0, "ended": 1.5, "outcome": "accepted", "status": 202, "detail": ""}
    edge.answer = edge.with_json(
        {"id": "h-1", "state": "accepted", "caller": "gone", "call_id": "c-1", "attempts": [attempt]}
    )
    async with edge.client() as client:
        status = await client.status("h-1", wait=3)
    assert status == Handoff("h-1", "accepted", "gone", (attempt,))
    assert edge.asked[0][2] == {"wait": "3"}


async def test_a_desktop_asks_by_either_key(edge: Edge) -> None:
    edge.answer = edge.with_json({"id": "h-1", "data": {"summary": "bill"}})
    async with edge.client() as client:
        assert (await client.state(id="4711"))["data"] == {"summary": "bill"}
        await client.state(shared_id="x", wait=20)
    assert [query for _, _, query, _ in edge.asked] == [{"id": "4711"}, {"shared_id": "x", "wait": "20"}]


async def test_a_transcript_names_its_call_and_who_said_what(edge: Edge) -> None:
    edge.answer = edge.with_json({"id": "t-1", "state": "recorded"}, 202)
    body: Transcript = {
        "contact_id": "4711",
        "completion": "escalated",
        "summary": "bill",
        "entries": [
            {"who": "bot", "text": "Hello?", "at": 1.5},
            {"who": "patron", "text": "A person, please."},
        ],
    }
    async with edge.client() as client:
        assert await client.transcript(**body) == "t-1"
    assert edge.asked == [("POST", "/v1/acme/acme-care/transcript", {}, body)]


def test_everything_that_the_api_takes_can_be_said() -> None:
    assert set(get_type_hints(Ask)) == set(models.HandoffRequest.model_fields)
    assert set(get_type_hints(Transcript)) == set(models.TranscriptRequest.model_fields)


def test_everything_that_the_api_answers_to_a_handoff_can_be_read() -> None:
    known = {field.name for field in fields(Handoff)}
    answers = set(models.HandoffAnswer.model_fields)
    assert answers < known < answers | set(models.HandoffStatus.model_fields)


# -- errors --------------------------------------------------------------------------------------------------


async def test_a_refusal_is_told_in_the_agents_words_with_its_request_id(edge: Edge) -> None:
    error = await refused(
        edge, edge.with_json({"error_message": "no such call is up"}, 404, X_Request_Id="r-1")
    )
    assert (error.status, str(error), error.request_id) == (404, "no such call is up", "r-1")
    assert not error.retryable


async def test_fields_that_cant_be_used_are_named(edge: Edge) -> None:
    wrong = [{"field": "skill", "error": "too long"}]
    error = await refused(edge, edge.with_json({"error_message": "can't be used", "fields": wrong}, 422))
    assert error.fields == tuple(wrong)


async def test_the_handoff_that_came_before_is_named(edge: Edge) -> None:
    error = await refused(edge, edge.with_json({"error_message": "handed off", "id": "h-1"}, 409))
    assert error.handoff_id == "h-1"
    assert not (await refused(edge, edge.with_json({"error_message": "over"}, 409))).handoff_id


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(400, False), (401, False), (409, False), (429, True), (500, False), (502, True), (503, True)],
)
async def test_what_may_be_asked_again_says_so(edge: Edge, status: int, retryable: bool) -> None:  # noqa: FBT001 - a table
    error = await refused(edge, edge.with_json({"error_message": "x"}, status))
    assert error.retryable is retryable
    assert len(edge.asked) == 1, "whether to ask again is the caller's to decide"


@pytest.mark.parametrize(
    ("header", "seconds"), [("3", 3.0), ("Sun, 22 Nov 2026 20:00:00 GMT", None), ("-1", None)]
)
async def test_the_time_to_wait_is_told_where_it_is_one(
    edge: Edge, header: str, seconds: float | None
) -> None:
    error = await refused(edge, edge.with_json({"error_message": "x"}, 503, Retry_After=header))
    assert error.retry_after == seconds


async def test_a_page_of_a_proxy_is_an_error_too(edge: Edge) -> None:
    async def page(_: web.Request) -> web.StreamResponse:
        return web.Response(status=502, text="<html>Bad", content_type="text/html")

    error = await refused(edge, page)
    assert (error.status, str(error), error.retryable) == (502, "502 Bad Gateway", True)


@pytest.mark.parametrize("body", ["<html>Log in, please", "[]", ""])
async def test_a_success_that_is_no_object_is_none(edge: Edge, body: str) -> None:
    async def page(_: web.Request) -> web.StreamResponse:
        return web.Response(text=body, content_type="text/html")

    assert (await refused(edge, page)).status == 200


async def test_a_redirect_is_not_followed_with_the_key(edge: Edge) -> None:
    async def elsewhere(_: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect("/elsewhere")

    assert (await refused(edge, elsewhere)).status == 307
    assert len(edge.asked) == 1


async def test_an_agent_that_hangs_up_without_an_answer_is_not_asked_twice(edge: Edge) -> None:
    async def gone(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    error = await refused(edge, gone)
    assert (error.status, error.retryable, len(edge.asked)) == (0, True, 1)


async def test_an_agent_that_takes_too_long_is_told_apart(edge: Edge) -> None:
    never = asyncio.Event()

    async def hang(_: web.Request) -> web.StreamResponse:
        await never.wait()
        return web.Response()

    edge.answer = hang
    async with edge.client(timeout=0.1) as client:
        with pytest.raises(HandoffError, match="took too long"):
            await client.hand_off(call_id="c-1")
    never.set()


async def test_waiting_comes_on_top_of_the_timeout(edge: Edge) -> None:
    held, over = asyncio.Event(), asyncio.Event()

    async def late(request: web.Request) -> web.StreamResponse:
        held.set()
        await over.wait()
        return await edge.with_json(TAKEN, 202)(request)

    edge.answer = late
    async with edge.client(timeout=0.2) as client:
        patient = asyncio.create_task(client.hand_off(call_id="c-1", wait=10))
        await held.wait()
        with pytest.raises(HandoffError, match="took too long"):
            await client.hand_off(call_id="c-2")  # asked later, and its time is over
        over.set()
        assert (await patient).id == "h-1"


# -- the file ------------------------------------------------------------------------------------------------


def test_the_file_works_copied_out_with_aiohttp_alone(tmp_path: Path) -> None:
    (tmp_path / "handoff_client.py").write_bytes(Path(agent.client.__file__).read_bytes())
    program = (
        "import sys, handoff_client; handoff_client.HandoffClient('http://x', 'a', 'p', 'k');"
        "print(sorted({'agent', 'pydantic', 'yaml', 'structlog'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
