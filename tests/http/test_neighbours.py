# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Requests about calls of other nodes: forwarded once, or refused in a way that lets the client ask again."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.core.errors import StorageError
from agent.core.model import Agent
from agent.core.reasons import End
from agent.http.neighbours import Neighbours
from agent.http.ports import AlreadyEnded, HandoffAccepted, OnOtherNode
from agent.names.names import Names
from agent.web.client import Client
from tests.calls.harness.waiting import eventually
from tests.harness.streams import hang_up

HANDOFFS = "/v1/acme/acme-care/handoffs"
KEY = {"x-api-key": "care-key"}
TOKEN = "fleet-token-4f1c9a7d"
OPEN = Path("/proc/self/fd")
BODY = {"call_id": "call-1", "skill": 4711}


def settings(name: str, others: dict[str, str], token: str = TOKEN) -> Agent:
    nodes = [
        {"name": other, "sip": f"sip:127.0.0.1:{5060 + index}", "api": url}
        for index, (other, url) in enumerate(others.items())
    ]
    return Agent.model_validate({"node": name, "fleet": {"nodes": nodes, "token": token}})


@dataclass
class Owner:
    """A far end that keeps what it hears and answers with these bytes, or does not."""

    answer: bytes | None
    port: int = 0
    heard: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
            body = await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b""
            self.heard.append(head + body)
            if self.answer is None:
                await reader.read()  # until the client gives up
            else:
                writer.write(self.answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def owner(answer: bytes | None) -> AsyncIterator[Owner]:
    made = Owner(answer)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()


def http(status: str, body: bytes, *more: bytes, kind: bytes = b"application/json") -> bytes:
    lines = [
        b"HTTP/1.1 " + status.encode(),
        b"Content-Type: " + kind,
        b"Content-Length: %d" % len(body),
        *more,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@pytest.fixture
async def to_nodes() -> AsyncIterator[Client]:
    async with Names() as names, Client(names, 16) as made:
        yield made


@pytest.fixture
def counted() -> Counter[str]:
    return Counter()


@pytest.fixture
async def asked(listen: Any, desk: Any, to_nodes: Client, counted: Counter[str]) -> Callable[..., Any]:
    """Opens edge-1, whose desk says that edge-2 has the call, which is asked at this port."""

    async def opened(port: int, decision: float = 0.0) -> Any:
        desk.answer = lambda: OnOtherNode("edge-2", decision)
        here = settings("edge-1", {"edge-2": f"http://127.0.0.1:{port}"})

        def count(_listener: str, fate: str) -> None:
            counted[str(fate)] += 1

        return await listen(neighbours=Neighbours(to_nodes, lambda: here, count))

    return opened


async def test_the_same_request_goes_on_without_its_key_and_the_answer_comes_back_as_it_is(
    asked: Any, counted: Counter[str]
) -> None:
    answer = http("429 Slow", b'{"error_message": "slow"}', b"Retry-After: 7", b"X-Other: 1")
    async with owner(answer) as other:
        api = await asked(other.port)
        headers = {**KEY, "Idempotency-Key": "k-1", "X-Request-Id": "r-1", "traceparent": "00-1"}
        status, body, got = await api("POST", f"{HANDOFFS}?wait=1", json=BODY, headers=headers)
    assert (status, body, got["Retry-After"], got["X-Request-Id"]) == (
        429,
        {"error_message": "slow"},
        "7",
        "r-1",
    )
    assert "X-Other" not in got
    (heard,) = other.heard
    head, _, said = heard.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == f"POST {HANDOFFS}?wait=1 HTTP/1.1"
    assert said == b'{"call_id": "call-1", "skill": 4711}'
    assert {
        "Content-Type: application/json",
        "Idempotency-Key: k-1",
        "X-Request-Id: r-1",
        "traceparent: 00-1",
        "X-Handoff-Node: edge-1",
        f"Authorization: Bearer {TOKEN}",
    } <= {*lines}
    assert b"care-key" not in heard
    assert counted == {"answered": 1}


async def test_a_target_in_absolute_form_goes_to_the_node_and_to_no_host_of_the_client_s(asked: Any) -> None:
    async with owner(http("202 Accepted", b"{}")) as other:
        api = await asked(other.port)
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        body = b'{"call_id": "call-1"}'
        lines = (
            f"POST http://elsewhere.example{HANDOFFS}?wait=1 HTTP/1.1",
            "Host: elsewhere.example",
            "x-api-key: care-key",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        )
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        assert (await reader.readline()).split()[1] == b"202"
        await hang_up(writer)
    (heard,) = other.heard
    assert heard.startswith(f"POST {HANDOFFS}?wait=1 HTTP/1.1\r\n".encode())


@pytest.mark.parametrize(
    ("answer", "words", "fate"),
    [
        (b"", "has this call and gave no answer", "unknown"),
        (b"nonsense\r\n\r\n", "has this call and gave no answer", "unknown"),
        (http("502 Bad", b"<html>", kind=b"text/html"), "HTTP 502, and no whole answer", "unknown"),
        (http("202 OK", b"{}", b"Content-Length: 9"), "has this call and gave no answer", "unknown"),
        (http("202 OK", b"{}")[:-1], "HTTP 202, and no whole answer", "unknown"),
        (http("401 No", b"{}"), "does not know this node's fleet.token", "not_let_in"),
    ],
    ids=["closed", "no HTTP", "a proxy's", "two lengths", "cut off", "not let in"],
)
async def test_what_is_no_whole_answer_of_an_agent_may_be_asked_again(
    asked: Any, counted: Counter[str], answer: bytes, words: str, fate: str
) -> None:
    async with owner(answer) as other:
        api = await asked(other.port)
        status, body, got = await api("POST", HANDOFFS, json=BODY, headers=KEY)
    assert (status, got["Retry-After"]) == (503, "2")
    assert body["error_message"].startswith("edge-2 ")
    assert words in body["error_message"]
    assert counted == {fate: 1}


async def test_nobody_there_and_a_name_that_is_not_found_are_told_as_not_asked(
    asked: Any, counted: Counter[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        api = await asked(taken.getsockname()[1])
        status, body, _ = await api("POST", HANDOFFS, json=BODY, headers=KEY)
    assert status == 503
    assert "edge-2 has this call and was not reached" in body["error_message"]
    assert counted == {"not_reached": 1}


async def test_one_that_is_silent_is_given_up_in_time(
    asked: Any, counted: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.core.neighbours.ANSWER_SECONDS", 0.2)
    async with owner(None) as other:
        api = await asked(other.port)
        status, body, _ = await api("POST", HANDOFFS, json=BODY, headers=KEY)
        assert len(other.heard) == 1
    assert (status, counted) == (503, {"unknown": 1})
    assert "within 0.2 s" in body["error_message"]


async def test_what_a_node_forwards_is_let_in_by_the_token_alone_and_never_forwarded_again(
    asked: Any, desk: Any, counted: Counter[str]
) -> None:
    async with owner(http("202 OK", b"{}")) as other:
        api = await asked(other.port)
        node = {"X-Handoff-Node": "edge-2", "Authorization": f"Bearer {TOKEN}"}
        status, body, got = await api("POST", HANDOFFS, json=BODY, headers=node)
        assert (status, got["Retry-After"]) == (503, "2")
        assert "it was asked already" in body["error_message"]
        assert counted == {"loop": 1}
        assert not other.heard
    desk.answer = lambda: HandoffAccepted("handoff-1")
    assert (await api("POST", HANDOFFS, json=BODY, headers=node))[0] == 202


async def test_two_nodes_that_each_believe_another_has_it_ask_once(
    asked: Any, listen: Any, to_nodes: Client, counted: Counter[str]
) -> None:
    of_second: Counter[str] = Counter()
    there = settings("edge-2", {"edge-2": "http://127.0.0.1:1"})
    second = await listen(
        neighbours=Neighbours(to_nodes, lambda: there, lambda _, fate: of_second.update([str(fate)]))
    )
    first = await asked(second.port)
    status, body, _ = await first("POST", HANDOFFS, json=BODY, headers=KEY)
    assert (status, "it was asked already" in body["error_message"]) == (503, True)
    assert (counted, of_second) == ({"answered": 1}, {"loop": 1})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong-token-wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer "},
        {"Authorization": TOKEN},
    ],
    ids=["none", "wrong", "of another kind", "empty", "bare"],
)
async def test_a_stranger_that_says_it_is_a_node_is_not_let_in_even_with_a_key(
    asked: Any, desk: Any, headers: dict[str, str]
) -> None:
    api = await asked(1)
    desk.answer = lambda: HandoffAccepted("handoff-1")
    given = {**KEY, "X-Handoff-Node": "edge-2", **headers}
    assert (await api("POST", HANDOFFS, json=BODY, headers=given))[0] == 401
    assert not desk.asked


async def test_who_tries_tokens_is_slowed_and_nodes_at_the_same_address_are_not(
    asked: Any, desk: Any
) -> None:
    api = await asked(1)
    desk.answer = lambda: HandoffAccepted("handoff-1")
    right = {"X-Handoff-Node": "edge-2", "Authorization": f"Bearer {TOKEN}"}
    wrong = {"X-Handoff-Node": "edge-2", "Authorization": "Bearer wrong-token-wrong"}
    assert (await api("POST", HANDOFFS, json=BODY, headers=right))[0] == 202
    tried = [(await api("POST", HANDOFFS, json=BODY, headers=wrong))[0] for _ in range(40)]
    assert {*tried} == {401, 429}
    assert (await api("POST", HANDOFFS, json=BODY, headers=right))[0] == 202


async def test_without_a_fleet_the_header_means_nothing(api: Any, desk: Any) -> None:
    desk.answer = AlreadyEnded
    status, body, _ = await api("POST", HANDOFFS, json=BODY, headers={**KEY, "X-Handoff-Node": "edge-2"})
    assert (status, "another one has it" in body["error_message"]) == (409, True)


async def test_a_record_that_can_not_be_read_is_said_by_whichever_node_finds_out(
    asked: Any, desk: Any
) -> None:
    async with owner(http("202 OK", b"{}")) as other:
        api = await asked(other.port)

        def away() -> Any:
            raise StorageError("PostgreSQL is away")

        desk.answer = away
        status, _, got = await api("POST", HANDOFFS, json=BODY, headers=KEY)
        assert (status, got["Retry-After"]) == (503, "1")
        assert not other.heard


async def test_hundreds_of_forwarded_requests_leave_no_task_and_no_descriptor(
    asked: Any, desk: Any, listen: Any, to_nodes: Client, counted: Counter[str]
) -> None:
    there = settings("edge-2", {"edge-2": "http://127.0.0.1:1"})
    second = await listen(neighbours=Neighbours(to_nodes, lambda: there))
    first = await asked(second.port)
    on_first = desk.answer
    turns = itertools.count()
    desk.answer = lambda: AlreadyEnded(End.HANDOFF, "handoff-1") if next(turns) % 2 else on_first()
    assert (await first("POST", HANDOFFS, json=BODY, headers=KEY))[0] == 409
    tasks, descriptors = len(asyncio.all_tasks()), len(list(OPEN.iterdir()))
    for _ in range(299):
        status, body, _ = await first("POST", HANDOFFS, json=BODY, headers=KEY)
        assert (status, body["id"]) == (409, "handoff-1")
    assert counted == {"answered": 300}
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks, what="no task is left")
    await eventually(lambda: len(list(OPEN.iterdir())) <= descriptors, what="no descriptor is left")


async def test_an_end_of_this_node_ends_what_it_forwarded(asked: Any, to_nodes: Client) -> None:
    async with owner(None) as other:
        api = await asked(other.port)
        asking = asyncio.ensure_future(api("POST", f"{HANDOFFS}?wait=60", json=BODY, headers=KEY))
        await eventually(lambda: other.heard, what="it was asked")
        await to_nodes.aclose()
        status, body, _ = await asking
        assert (status, "asking again is safe" in body["error_message"]) == (503, True)
        assert to_nodes.connections == 0
