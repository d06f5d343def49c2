# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of all nodes in one list, and who asks through a node."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from agent.core.model import Agent
from agent.delivery.queries import CallQuery
from agent.http.call_finder import About, CallPage, SipMessage, Which
from agent.http.call_search import asked_for, wanted
from agent.http.errors import RefusalError
from agent.http.fleet_calls import FleetFinder
from agent.http.neighbours import Neighbours
from agent.names.names import Names
from agent.web.client import Client
from tests.core.examples import record

TOKEN = "fleet-token-4f1c9a7d"


def call(call_id: str, began: float, node: str = "edge-1", **more: object) -> dict[str, Any]:
    return {**record(call_id=call_id, began=began, node=node, ended=None, end="").shown(), **more}


def settings(**operations: str) -> Agent:
    """edge-1, and other nodes by where their operations listeners are."""
    nodes = [
        {"name": name.replace("_", "-"), "sip": f"sip:127.0.0.1:{5060 + index}", "operations": url or None}
        for index, (name, url) in enumerate({"edge_1": "http://127.0.0.1:9", **operations}.items())
    ]
    return Agent.model_validate({"node": "edge-1", "fleet": {"nodes": nodes, "token": TOKEN}})


class Own:
    """This node's finder."""

    token_headers: Collection[str] = ()

    def __init__(self, *calls: dict[str, Any], missing: str = "") -> None:
        self.page = CallPage(calls, None, missing)

    def messages(self, _call_id: str) -> Sequence[SipMessage]:
        """None."""
        return ()

    async def find(self, _query: CallQuery, _which: Which = Which.ALL) -> CallPage:
        """What it was given."""
        return self.page

    async def about(self, call_id: str) -> About | None:
        """The call of that id."""
        return next((About(one) for one in self.page.calls if one["call_id"] == call_id), None)


@asynccontextmanager
async def node(body: object, status: str = "200 OK") -> AsyncIterator[tuple[str, list[bytes]]]:
    """A node that answers with this; where it is, and what it was asked."""
    heard: list[bytes] = []
    plain = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(plain)}\r\n\r\n"
        writer.write(head.encode() + plain)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Names() as names, Client(names, 4) as made:
        yield made


def found_by(client: Client, own: Own, here: Agent) -> FleetFinder:
    return FleetFinder(own, Neighbours(client, lambda: here))


async def test_calls_that_are_up_elsewhere_stand_among_our_own_the_newest_first(client: Client) -> None:
    of_two = [call("c-2", 20.0, "edge-2", state="kept"), call("c-4", 40.0, "edge-2")]
    own = Own(
        call("c-3", 30.0, live=True), call("c-2", 20.0, "edge-2", live=False), call("c-1", 10.0, live=False)
    )
    async with node({"calls": of_two}) as (url, heard):
        page = await found_by(client, own, settings(edge_2=url)).find(CallQuery(project="care"), Which.LIVE)
    assert [(one["call_id"], one["live"]) for one in page.calls] == [
        ("c-4", True),
        ("c-3", True),
        ("c-2", True),
        ("c-1", False),
    ]
    assert page.calls[2]["state"] == "kept"
    assert (page.more, page.missing) == (None, "")
    (asked,) = heard
    assert asked.startswith(b"GET /calls/up?project=care&limit=100&numbers=shown HTTP/1.1\r\n")
    assert f"Authorization: Bearer {TOKEN}\r\n".encode() in asked


async def test_a_page_is_no_longer_than_asked_for_and_says_that_there_are_more(client: Client) -> None:
    own = Own(call("c-1", 10.0, live=True), call("c-0", 5.0, live=True))
    async with node({"calls": [call("c-2", 20.0, "edge-2")]}) as (url, _):
        page = await found_by(client, own, settings(edge_2=url)).find(CallQuery(limit=2), Which.LIVE)
    assert [one["call_id"] for one in page.calls] == ["c-2", "c-1"]
    assert page.more == (10.0, "c-1")


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        ({"calls": [{"odd": 1}]}, "200 OK", "its answer can't be read"),
        (b"nonsense", "200 OK", "its answer can't be read"),
        ([], "200 OK", "its answer can't be read"),
        ({}, "421 Misdirected", "it answered HTTP 421"),
        ({}, "401 Unauthorized", "it does not know this node's fleet.token"),
    ],
)
async def test_a_node_whose_answer_is_of_no_use_is_named_and_the_others_are_shown(
    client: Client, body: object, status: str, why: str
) -> None:
    own = Own(call("c-1", 10.0, live=True), missing="calls on record can't be listed now: away")
    async with node(body, status) as (url, _), node({"calls": [call("c-3", 30.0, "edge-3")]}) as (third, _):
        finder = found_by(client, own, settings(edge_2=url, edge_3=third, edge_4=""))
        page = await finder.find(CallQuery(), Which.ALL)
    assert [one["call_id"] for one in page.calls] == ["c-3", "c-1"]
    first, second, fourth = page.missing.split("; ")
    assert first == "calls on record can't be listed now: away"
    assert "edge-2" in second
    assert why in second
    assert fourth.startswith("calls that are up on edge-4 may be missing: fleet in agent.yaml does not say")


@pytest.mark.parametrize("which", [Which.OVER, Which.PAST, Which.REFUSED])
async def test_what_is_over_is_asked_of_nobody(client: Client, which: Which) -> None:
    async with node({"calls": []}) as (url, heard):
        await found_by(client, Own(), settings(edge_2=url)).find(CallQuery(), which)
        await found_by(client, Own(), settings(edge_2=url)).find(CallQuery(before=(1.0, "c")), Which.LIVE)
        await found_by(client, Own(), Agent(node="edge-1")).find(CallQuery(), Which.LIVE)
    assert not heard


async def test_of_a_call_that_another_node_has_it_is_said_where_its_story_is(client: Client) -> None:
    own = Own(call("c-2", 20.0, "edge-2"), call("c-3", 30.0, "edge-3"), call("c-1", 10.0))
    finder = found_by(client, own, settings(edge_2="http://10.0.0.12:8081", edge_3=""))
    told = [found.missing for name in ("c-2", "c-3", "c-1") if (found := await finder.about(name))]
    assert told == [
        ["its story is known to edge-2, which has it: http://10.0.0.12:8081/console/calls/c-2"],
        ["its story is known to edge-3, which has it"],
        (),
    ]
    assert await finder.about("c-9") is None


def test_what_another_node_is_asked_for_is_what_was_asked_here() -> None:
    query = CallQuery(
        "4711", "care", "leg-1", 1.5, 7, 2_000_000_000.25, "any", "call-1", "m-1", "0100", "one", "failed"
    )
    assert wanted(asked_for(query), 0.0) == (query, Which.ALL)


async def test_who_asks_through_a_node_has_the_role_that_it_says_and_its_name(client: Client) -> None:
    neighbours = Neighbours(client, settings)

    def asks(**headers: str) -> Any:  # noqa: ANN401 - an Identity or None
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return neighbours.identity(make_mocked_request("GET", "/calls", named))

    known = {"X_Handoff_Node": "edge-2", "Authorization": f"Bearer {TOKEN}"}
    assert asks(Authorization="Bearer other") is None
    plain, viewer = asks(**known), asks(**known, X_Handoff_For="vera", X_Handoff_Role="viewer")
    assert (plain.name, plain.operator, plain.way) == ("node edge-2", True, "node")
    assert (viewer.name, viewer.operator) == ("node edge-2 for vera", False)
    with pytest.raises(RefusalError, match=r"needs fleet\.token") as refused:
        asks(X_Handoff_Node="edge-2", Authorization="Bearer other")
    assert refused.value.status == 401
